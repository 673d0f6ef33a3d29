<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Job;
use Acequia\Wire\FromWorker;
use Acequia\Wire\JobMessage;

/**
 * Runs one job at a time in the loop's own process. While one runs nothing else happens, except
 * when its handler says something or asks whether it is cancelled.
 */
final class InProcess implements Crew, Gang, Line
{
    private const FULL_PAUSE_US = 5_000;

    private ?Loop $loop = null;
    /** @var list<array{Lane, JobMessage}> */
    private array $waiting = [];
    private ?Lane $lane = null;
    private string $running = '';
    private bool $isCancelled = false;
    /** @var list<\Closure> */
    private array $then = [];

    public function __construct(private readonly Options $options)
    {
    }

    /** Whom handlers wake while they run. */
    public function attach(Loop $loop): void
    {
        $this->loop = $loop;
    }

    public function crew(int $server): Crew
    {
        return $this;
    }

    public function start(Lane $lane, JobMessage $message): void
    {
        $this->waiting[] = [$lane, $message];
    }

    public function cancel(Lane $lane, string $job): void
    {
        if ($lane === $this->lane && $job === $this->running) {
            $this->cancelRunning();
            return;
        }
        foreach ($this->waiting as $i => [$of, $message]) {
            if ($of === $lane && $message->job === $job) {
                unset($this->waiting[$i]);
                $lane->say(FromWorker::fail($job, 'cancelled', 'the job was cancelled', false));
            }
        }
    }

    public function void(Lane $lane): void
    {
        $this->waiting = array_filter($this->waiting, static fn (array $waiting) => $waiting[0] !== $lane);
        if ($lane === $this->lane) {
            $this->cancelRunning();
        }
    }

    public function want(Poller $poller): void
    {
    }

    public function due(): float
    {
        return $this->waiting === [] ? INF : 0.0;
    }

    public function turn(): void
    {
        $next = array_shift($this->waiting);
        if ($next === null) {
            return;
        }
        [$this->lane, $message] = $next;
        [$this->running, $this->isCancelled, $this->then] = [$message->job, false, []];
        $job = new Job($message, $this);
        try {
            $result = ($this->options->handler($message->queue))($job);
        } catch (\Throwable $error) {
            $result = $error;
        }
        $this->lane->say($job->outcome($result));
        $this->lane = null;
        $this->then = [];
    }

    public function send(array $message): void
    {
        $this->lane?->say($message);
        $this->loop?->speak();
        while ($this->lane?->isFull()) {
            // A handler does not run ahead of a slow server.
            usleep(self::FULL_PAUSE_US);
            $this->loop?->hear();
            $this->loop?->speak();
        }
    }

    public function isCancelled(): bool
    {
        $this->loop?->hear();
        return $this->isCancelled;
    }

    public function onCancel(\Closure $then): void
    {
        $this->then[] = $then;
    }

    public function maxBody(): int
    {
        return $this->lane?->maxBody ?? 0;
    }

    private function cancelRunning(): void
    {
        $this->isCancelled = true;
        $then = $this->then;
        $this->then = [];
        array_map(static fn (\Closure $call) => $call(), $then);
    }
}
