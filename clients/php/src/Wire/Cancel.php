<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** The outcome of a run no longer matters. */
final class Cancel
{
    /** @param string $job 16 bytes */
    public function __construct(public readonly string $job)
    {
    }
}
