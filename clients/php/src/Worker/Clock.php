<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** Seconds since some moment. They only go forward, whoever sets the clock. */
final class Clock
{
    private function __construct()
    {
    }

    public static function now(): float
    {
        return hrtime(true) / 1e9;
    }
}
