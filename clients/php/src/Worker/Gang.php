<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** All crews of a worker that waits in one place, as its loop sees them. */
interface Gang
{
    /** Who runs the jobs of the so-many-th server. */
    public function crew(int $server): Crew;

    /** Asks for what it is to be woken by. */
    public function want(Poller $poller): void;

    /** When {@see turn()} is to be called at the latest. */
    public function due(): float;

    /** Does what is to be done. */
    public function turn(): void;
}
