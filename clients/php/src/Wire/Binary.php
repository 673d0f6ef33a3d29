<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** Bytes that MessagePack is to write as `bin`, whether or not they are UTF-8. */
final class Binary
{
    public function __construct(public readonly string $bytes)
    {
    }
}
