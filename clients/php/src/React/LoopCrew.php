<?php

declare(strict_types=1);

namespace Acequia\React;

use Acequia\Job;
use Acequia\Wire\FromWorker;
use Acequia\Wire\JobMessage;
use Acequia\Worker\Crew;
use Acequia\Worker\Lane;
use Acequia\Worker\Options;
use React\EventLoop\LoopInterface;

/** Runs the jobs of one connection in the loop, all at the same time. */
final class LoopCrew implements Crew
{
    /** @var array<string, Run> by job; of the lane that is not void, or was last */
    private array $runs = [];

    /**
     * @param \Closure(): void $wake something is to be sent before the loop waits again
     * @param \Closure(): void $flush sends it now
     */
    public function __construct(
        private readonly Options $options,
        private readonly LoopInterface $loop,
        private readonly \Closure $wake,
        private readonly \Closure $flush,
    ) {
    }

    public function start(Lane $lane, JobMessage $message): void
    {
        $run = $this->runs[$message->job] = new Run($lane, $this->flush);
        // Not at once: who reads goes on reading.
        $this->loop->futureTick(fn () => $this->begin($run, $message));
    }

    public function cancel(Lane $lane, string $job): void
    {
        $run = $this->runs[$job] ?? null;
        if ($run === null) {
            return;
        }
        $this->tell($run);
        $this->loop->addTimer($this->options->cancelGrace, function () use ($run, $job): void {
            // The handler cannot be stopped, but its slot is free.
            $this->finish($run, FromWorker::fail($job, 'cancelled', 'the job was cancelled', false));
        });
    }

    public function void(Lane $lane): void
    {
        $runs = $this->runs;
        $this->runs = [];
        array_map($this->tell(...), $runs);
    }

    private function begin(Run $run, JobMessage $message): void
    {
        if ($run->lane->isVoid()) {
            return;
        }
        $job = new Job($message, $run);
        try {
            $result = ($this->options->handler($message->queue))($job);
        } catch (\Throwable $error) {
            $result = $error;
        }
        if (is_object($result) && method_exists($result, 'then')) {
            $run->promise = $result;
            $run->isCancelled() && method_exists($result, 'cancel') && $result->cancel();
            $result->then(
                fn (mixed $value) => $this->finish($run, $job->outcome($value)),
                fn (mixed $why) => $this->finish($run, $job->outcome(self::thrown($why))),
            );
            ($this->wake)();
            return;
        }
        $this->finish($run, $job->outcome($result));
    }

    /** @param array{string, string, string, string} $message */
    private function finish(Run $run, array $message): void
    {
        $run->lane->say($message);
        if (($this->runs[$message[1]] ?? null) === $run) {
            unset($this->runs[$message[1]]);
        }
        ($this->wake)();
    }

    private function tell(Run $run): void
    {
        try {
            $run->cancel();
        } catch (\Throwable $error) {
            $this->options->log->warning("a handler did not bear to hear that its job is cancelled: {$error->getMessage()}");
        }
        ($this->wake)();
    }

    /** Why a promise was rejected: before version 3 that may be anything. */
    private static function thrown(mixed $why): \Throwable
    {
        return $why instanceof \Throwable
            ? $why
            : new \RuntimeException(is_scalar($why) ? (string) $why : 'rejected with ' . get_debug_type($why));
    }
}
