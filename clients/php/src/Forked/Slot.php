<?php

declare(strict_types=1);

namespace Acequia\Forked;

use Acequia\Worker\Lane;

/** One slot, as the process sees it that speaks to the server: its child, if there is one, and what that runs. */
final class Slot
{
    public bool $isForking = false;
    public bool $isAlive = false;
    public ?Lane $lane = null;
    public string $job = '';
    /** When the child is killed, unless it has answered by then. */
    public ?float $killAt = null;
    public bool $isKilled = false;
    /** What the child said of its own death. */
    public ?string $lastWords = null;

    public function __construct(public readonly int $number, public readonly Channel $line)
    {
    }

    public function isIdle(): bool
    {
        return $this->isAlive && $this->lane === null;
    }

    public function runs(Lane $lane, string $job): bool
    {
        return $this->lane === $lane && $this->job === $job;
    }

    /** What it ran has had its last word. */
    public function rest(): void
    {
        $this->lane = null;
        $this->job = '';
        // One that is being killed has ended its job just in time, and dies all the same.
        if (!$this->isKilled) {
            $this->killAt = null;
        }
    }
}
