<?php

declare(strict_types=1);

namespace Acequia\Tests\Harness;

/** Waiting for what must come. How long that may take on a loaded machine is no part of any test. */
final class Patience
{
    public const SECONDS = 30;

    private function __construct()
    {
    }

    /**
     * Looks until there is something to see, and returns that.
     *
     * @template T
     * @param callable(): T $look
     * @return T
     */
    public static function until(callable $look, string $what): mixed
    {
        $end = hrtime(true) + self::SECONDS * 1_000_000_000;
        while (!($seen = $look())) {
            if (hrtime(true) > $end) {
                throw new \RuntimeException('waited ' . self::SECONDS . " s in vain for $what");
            }
            usleep(5_000);
        }
        return $seen;
    }
}
