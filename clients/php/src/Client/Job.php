<?php

declare(strict_types=1);

namespace Acequia\Client;

use Acequia\Exception\JobCancelled;
use Acequia\Exception\JobFailed;
use Acequia\Exception\NotEnded;
use Acequia\Exception\Refused;
use Acequia\Exception\Unreachable;
use Acequia\Worker\Clock;

/** A job that was submitted, by this program or another. */
final class Job
{
    /** Proxies cut calls that are silent for long, many after 60 seconds. */
    private const WAIT_S_MAX = 20;

    /** @internal {@see \Acequia\Client::submit()} and {@see \Acequia\Client::job()} make them */
    public function __construct(
        private readonly Caller $caller,
        public readonly string $id,
        private Result|Refused|null $outcome = null,
    ) {
    }

    /**
     * Waits for the end of the job, and returns its result: JSON and MessagePack as values, all else
     * as a string.
     *
     * @throws JobFailed
     * @throws JobCancelled
     * @throws NotEnded if it has not ended within so many seconds
     * @throws Refused if there is no such job any more: outcomes are kept for ten minutes
     * @throws Unreachable
     */
    public function wait(float $seconds): mixed
    {
        return $this->result($seconds)->value();
    }

    /**
     * The result as it is, bytes and type. Otherwise like {@see wait()}.
     */
    public function result(float $wait = 0.0): Result
    {
        if ($this->outcome === null) {
            $status = $this->status($wait);
            $this->outcome = match ($status->state) {
                'done' => Result::of($this->caller->call('GET', $this->path('/result'))),
                'failed' => new JobFailed($status->code ?? '', $status->message ?? '', 422, null, $this->id, $status->attempt),
                'cancelled' => new JobCancelled('cancelled', 'the job was cancelled', 409, null, $this->id),
                default => throw new NotEnded('not_ended', "the job has not ended: $status->state", 404, null, $this->id),
            };
        }
        return $this->outcome instanceof Result ? $this->outcome : throw $this->outcome;
    }

    /**
     * Where the job is; with `$wait`, as soon as it has ended, or after so many seconds.
     *
     * @throws Refused
     * @throws Unreachable
     */
    public function status(float $wait = 0.0): Status
    {
        $until = Clock::now() + $wait;
        do {
            $slice = (int) ceil(min(self::WAIT_S_MAX, max(0.0, $until - Clock::now())));
            $answer = $this->caller->call('GET', $this->path($slice > 0 ? "?wait=$slice" : ''), wait: $slice);
            $status = Status::of($answer);
        } while (!$status->hasEnded() && Clock::now() < $until);
        return $status;
    }

    /**
     * Cancels it. False if it had ended in another way.
     *
     * @throws Refused
     * @throws Unreachable
     */
    public function cancel(): bool
    {
        $answer = $this->caller->call('DELETE', $this->path(''), alright: [409]);
        // A call that was made twice finds that it had ended already, by the first.
        return $answer->status !== 409 || $this->status()->state === 'cancelled';
    }

    private function path(string $more): string
    {
        return '/v1/jobs/' . rawurlencode($this->id) . $more;
    }
}
