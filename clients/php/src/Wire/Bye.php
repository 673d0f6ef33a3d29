<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** No more jobs come on this lane. */
final class Bye
{
    public function __construct(public readonly string $lane, public readonly string $reason)
    {
    }
}
