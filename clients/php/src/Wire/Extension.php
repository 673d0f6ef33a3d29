<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** A value of a MessagePack extension type. */
final class Extension
{
    /** @param int $type from -128 to 127 */
    public function __construct(public readonly int $type, public readonly string $bytes)
    {
    }
}
