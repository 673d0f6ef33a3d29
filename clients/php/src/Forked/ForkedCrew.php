<?php

declare(strict_types=1);

namespace Acequia\Forked;

use Acequia\Wire\FromWorker;
use Acequia\Wire\JobMessage;
use Acequia\Worker\Clock;
use Acequia\Worker\Crew;
use Acequia\Worker\Lane;
use Acequia\Worker\Poller;

/** Runs the jobs of one connection in the children of its slots. Children are forked when they are needed. */
final class ForkedCrew implements Crew
{
    /** @var array<int, array{Lane, JobMessage}> */
    private array $waiting = [];

    /**
     * @param list<Slot> $slots
     * @param Channel $zygote who forks and kills
     */
    public function __construct(
        private readonly array $slots,
        private readonly Channel $zygote,
        private readonly float $cancelGrace,
    ) {
    }

    public function start(Lane $lane, JobMessage $message): void
    {
        $this->waiting[] = [$lane, $message];
        $this->dispatch();
    }

    public function cancel(Lane $lane, string $job): void
    {
        foreach ($this->waiting as $i => [$of, $message]) {
            if ($of === $lane && $message->job === $job) {
                unset($this->waiting[$i]);
                $lane->say(FromWorker::fail($job, 'cancelled', 'the job was cancelled', false));
                return;
            }
        }
        foreach ($this->slots as $slot) {
            $slot->runs($lane, $job) && $this->cancelRun($slot);
        }
    }

    public function void(Lane $lane): void
    {
        $this->waiting = array_filter($this->waiting, static fn (array $waiting) => $waiting[0] !== $lane);
        foreach ($this->slots as $slot) {
            $slot->lane === $lane && $this->cancelRun($slot);
        }
    }

    public function want(Poller $poller): void
    {
        foreach ($this->slots as $slot) {
            if ($slot->isAlive) {
                // A child that has more to say than the server takes waits.
                $reads = $slot->lane === null || !$slot->lane->isFull();
                $poller->want("slot $slot->number", $slot->line->stream(), $reads, $slot->line->hasUnsent());
            }
        }
    }

    public function due(): float
    {
        return min([INF, ...array_filter(array_column($this->slots, 'killAt'), is_float(...))]);
    }

    public function turn(): void
    {
        $now = Clock::now();
        foreach ($this->slots as $slot) {
            if (!$slot->isAlive) {
                continue;
            }
            $slot->line->flush();
            if ($slot->lane === null || !$slot->lane->isFull()) {
                $slot->line->read();
                $this->hear($slot);
            }
            if ($slot->killAt !== null && $now >= $slot->killAt) {
                [$slot->isKilled, $slot->killAt] = [true, null];
                $this->zygote->push('kill', (string) $slot->number);
            }
        }
        $this->dispatch();
    }

    public function forked(Slot $slot): void
    {
        [$slot->isForking, $slot->isAlive] = [false, true];
        $this->dispatch();
    }

    /** @param string $how in words */
    public function died(Slot $slot, string $how, string $code): void
    {
        // What it said last is all there.
        while ($slot->line->read()) {
        }
        $this->hear($slot);
        $slot->line->reset();
        if ($slot->isForking) {
            $this->refuse($how, $code);
        } elseif ($slot->lane !== null) {
            [$how, $code] = match (true) {
                $slot->isKilled => ['the handler went on after its job was cancelled, and was ended', 'cancelled'],
                $slot->lastWords !== null => [$slot->lastWords, 'worker_panic'],
                default => [$how, $code],
            };
            $slot->lane->say(FromWorker::fail($slot->job, $code, $how, !$slot->isKilled));
        }
        $slot->isForking = $slot->isAlive = $slot->isKilled = false;
        $slot->killAt = $slot->lastWords = null;
        $slot->rest();
        $this->dispatch();
    }

    private function dispatch(): void
    {
        if ($this->waiting === []) {
            return;
        }
        $coming = 0;
        foreach ($this->slots as $slot) {
            if ($slot->isIdle() && !$slot->isKilled && $this->waiting !== []) {
                $this->hand($slot, ...array_shift($this->waiting));
            }
            $coming += (int) $slot->isForking;
        }
        foreach ($this->slots as $slot) {
            if ($coming < count($this->waiting) && !$slot->isAlive && !$slot->isForking) {
                $slot->isForking = true;
                $coming++;
                $this->zygote->push('fork', (string) $slot->number);
            }
        }
    }

    private function hand(Slot $slot, Lane $lane, JobMessage $message): void
    {
        [$slot->lane, $slot->job] = [$lane, $message->job];
        $slot->line->push('job', serialize($message), (string) $lane->maxBody);
    }

    private function cancelRun(Slot $slot): void
    {
        $slot->line->push('cancel', $slot->job);
        $slot->killAt ??= $slot->isKilled ? null : Clock::now() + $this->cancelGrace;
    }

    private function hear(Slot $slot): void
    {
        while (($message = $slot->line->take()) !== null) {
            if ($message[0] === 'fatal') {
                // Not the end of the job: no other is handed to who is dying.
                $slot->lastWords = $message[2];
                continue;
            }
            $slot->lane?->say($message);
            if ($message[0] === 'done' || $message[0] === 'fail') {
                $slot->rest();
            }
        }
    }

    /** No process could be had: the job that waits longest is told, and others may go on trying. */
    private function refuse(string $how, string $code): void
    {
        $next = array_shift($this->waiting);
        if ($next !== null) {
            [$lane, $message] = $next;
            $lane->say(FromWorker::fail($message->job, $code, $how, true));
        }
    }
}
