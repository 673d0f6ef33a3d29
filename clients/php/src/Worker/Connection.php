<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Wire\Bye;
use Acequia\Wire\Cancel;
use Acequia\Wire\FromWorker;
use Acequia\Wire\Hello;
use Acequia\Wire\JobMessage;
use Acequia\Wire\Malformed;
use Acequia\Wire\ToWorker;

/**
 * What is said between a worker and one server. It never waits: whoever owns it calls it when there
 * is something to read, to send, or to be done at a time.
 *
 * ```text
 * greeting ──hello──▶ serving ──bye of the server──▶ parting ──hello of the next server──▶ serving
 *    │                   │                              │
 *    └───────────────────┴── told to stop ─▶ leaving ◀──┘    leaving ──nothing held, all sent──▶ over
 * ```
 */
final class Connection
{
    /** How long jobs may still come that crossed our `bye` on the way. */
    private const CROSSING_S = 0.25;
    /** How long last results may wait for a server that takes none. */
    private const STUCK_S_MAX = 2.0;
    /** A lane that holds nothing says so as rarely as this. */
    private const IDLE_BEAT_S = 30.0;
    /** How long a server may take to say `hello` before that is worth a line in the log. */
    private const HELLO_S_MAX = 10.0;
    /** The longest pause before a server is dialled again that was not understood. */
    private const PAUSE_S_MAX = 5.0;
    /** Messages that are read before others have their turn. */
    private const TURN_MAX = 64;

    private readonly Outbox $outbox;
    private ?Sockets $sockets = null;
    private ?Lane $lane = null;
    /** The lane has brought more than its `hello`, so the server took our `ready`. */
    private bool $isTaken = false;
    private bool $isParting = false;
    private bool $isOver = false;
    /** Attempts since a lane was taken. */
    private int $attempts = 0;
    private float $sentAt = 0.0;
    private ?float $dialAt = 0.0;
    private ?float $hintAt;
    private ?float $crossedAt = null;
    private ?float $graceEnd = null;

    /** @param ?float $beat seconds; `null` if nobody could beat while a job runs, so that there is no lease */
    public function __construct(
        private readonly Options $options,
        private readonly Server $server,
        private readonly \ZMQContext $context,
        private readonly Crew $crew,
        private readonly ?float $beat,
    ) {
        $this->outbox = new Outbox();
        $this->hintAt = Clock::now() + self::HELLO_S_MAX;
        $this->turn();
    }

    public function sockets(): ?Sockets
    {
        return $this->sockets;
    }

    public function isOver(): bool
    {
        return $this->isOver;
    }

    /** Whether something waits to be sent to a server that had been there. */
    public function wantsToSend(): bool
    {
        return $this->lane !== null && !$this->outbox->isEmpty();
    }

    /** Reads what is there. False if there may be more. */
    public function receive(): bool
    {
        if ($this->sockets?->isLost() && $this->lane !== null) {
            $this->lose();
        }
        for ($i = 0; $i < self::TURN_MAX; $i++) {
            $frames = $this->sockets?->receive();
            if ($frames === null) {
                return true;
            }
            try {
                foreach (ToWorker::decode($frames) as $message) {
                    $this->handle($message);
                }
            } catch (Malformed $error) {
                $this->beginAnew("the server's message is malformed: {$error->getMessage()}");
            }
        }
        return false;
    }

    /** Does what is due, and sends what waits. */
    public function turn(): void
    {
        $now = Clock::now();
        if ($this->dialAt !== null && $now >= $this->dialAt && !$this->isOver) {
            $this->sockets = Sockets::open($this->context, $this->server);
            $this->dialAt = null;
        }
        if ($this->hintAt !== null && $now >= $this->hintAt) {
            $this->hintAt = null;
            $where = $this->server->jobs;
            $this->options->log->warning("no word from $where yet; it is tried on. Is this the jobs endpoint of a server?");
        }
        if ($this->beatAt() <= $now && $this->lane !== null) {
            $this->outbox->push(FromWorker::beat($this->lane->id));
        }
        $this->flush($now);
        if ($this->graceEnd !== null && !$this->isOver) {
            $this->leaveIfDone($now);
        }
    }

    /** When {@see turn()} is to be called at the latest. */
    public function due(): float
    {
        $times = [$this->dialAt, $this->hintAt, $this->beatAt(), $this->graceEnd, $this->leftAt()];
        return min(array_filter($times, is_float(...)));
    }

    /** Takes no more jobs, and is over once what is held is done, or the grace time is. */
    public function leave(): void
    {
        if ($this->graceEnd !== null) {
            return;
        }
        $now = Clock::now();
        $this->hintAt = null;
        $this->graceEnd = $now + $this->options->grace;
        if ($this->lane === null) {
            $this->end();
            return;
        }
        $this->options->log->info('stopping: no more jobs are taken, those that are held are finished');
        $this->crossedAt = $this->isParting ? $now : $now + self::CROSSING_S;
        $this->outbox->push(FromWorker::bye($this->lane->id));
        $this->turn();
    }

    private function handle(Hello|JobMessage|Cancel|Bye $message): void
    {
        if (!$message instanceof Hello && $this->lane !== null) {
            $this->isTaken = true;
            $this->attempts = 0;
        }
        match (true) {
            $message instanceof JobMessage => $this->take($message),
            $message instanceof Cancel => $this->lane !== null && $this->crew->cancel($this->lane, $message->job),
            $message instanceof Hello => $this->open($message),
            $message instanceof Bye => $this->part($message),
        };
    }

    private function open(Hello $hello): void
    {
        // What has ended is the connection before the one that brought this.
        $this->sockets?->isLost();
        if ($this->forget()) {
            $this->options->log->warning('the server opened a fresh lane; what was held is void');
        }
        if ($this->graceEnd !== null) {
            $this->end();
            return;
        }
        $token = $this->options->token;
        $this->options->log->info("connected to {$this->server->jobs} ($hello->server)");
        $this->hintAt = null;
        $this->isTaken = $this->isParting = false;
        $this->lane = new Lane($hello, $this->outbox);
        $this->outbox->push(FromWorker::ready(
            $hello->lane,
            $this->options->slots,
            $this->options->pack,
            $this->options->queues(),
            $this->options->name,
            $token === null ? null : $hello->proof($token),
        ));
        if ($this->beat !== null) {
            // It puts the jobs of the lane on a lease, from the first of them.
            $this->outbox->push(FromWorker::beat($hello->lane));
        }
    }

    private function take(JobMessage $message): void
    {
        if ($this->lane === null || !$this->lane->hold($message->job)) {
            return;
        }
        if ($this->options->handler($message->queue) === null) {
            $why = "this worker does not serve the queue `$message->queue`";
            $this->lane->say(FromWorker::fail($message->job, 'unknown_queue', $why, true));
            return;
        }
        $this->crew->start($this->lane, $message);
    }

    private function part(Bye $bye): void
    {
        if ($this->graceEnd !== null) {
            $this->crossedAt = Clock::now();
            return;
        }
        $this->isParting = true;
        $this->options->log->info("the server drains ($bye->reason); what is held is finished");
    }

    /** The server is gone. The sockets dial it by themselves, and it will greet us anew. */
    private function lose(): void
    {
        $held = $this->forget();
        if ($this->graceEnd !== null) {
            $this->end();
            return;
        }
        $this->hintAt = Clock::now() + self::HELLO_S_MAX;
        $this->options->log->warning("the connection to {$this->server->jobs} has ended" . match (true) {
            $held => '; it is dialled again, and what was held is void',
            $this->isTaken => '; it is dialled again',
            // Most often a server that has stopped; but one that refuses us looks the same.
            default => ' before any job; if this goes on, see whether the server asks for another worker token',
        });
    }

    private function beginAnew(string $why): void
    {
        $this->forget();
        $this->sockets = null;
        if ($this->graceEnd !== null) {
            $this->end();
            return;
        }
        $ceiling = min(0.05 * 2 ** min($this->attempts++, 10), self::PAUSE_S_MAX);
        $pause = $ceiling * mt_rand() / mt_getrandmax();
        $this->dialAt = Clock::now() + $pause;
        $this->options->log->warning(sprintf('%s; dialling again in %.2f s', $why, $pause));
    }

    /** What is held is void. Whether anything was. */
    private function forget(): bool
    {
        $lane = $this->lane;
        $this->lane = null;
        $this->outbox->clear();
        if ($lane === null) {
            return false;
        }
        $held = !$lane->isIdle();
        $lane->void();
        $this->crew->void($lane);
        return $held;
    }

    private function flush(float $now): void
    {
        if ($this->wantsToSend() && $this->sockets !== null
            && $this->outbox->flush($this->sockets->push, $this->lane->maxBody)) {
            $this->sentAt = $now;
        }
    }

    private function beatAt(): float
    {
        if ($this->beat === null || $this->lane === null || !$this->outbox->isEmpty()) {
            return INF;
        }
        return $this->sentAt + ($this->lane->isIdle() ? self::IDLE_BEAT_S : $this->beat);
    }

    /** When a connection that is left may be over, if nothing more happens. */
    private function leftAt(): ?float
    {
        if ($this->crossedAt === null || $this->lane === null || !$this->lane->isIdle()) {
            return null;
        }
        $stuck = $this->outbox->isEmpty() ? 0.0 : max($this->sentAt, $this->crossedAt) + self::STUCK_S_MAX;
        return max($this->crossedAt, $stuck);
    }

    private function leaveIfDone(float $now): void
    {
        if ($now < min($this->leftAt() ?? INF, $this->graceEnd)) {
            return;
        }
        if ($this->lane?->isIdle() === false) {
            $this->options->log->warning('the grace time is over; the server gives what is held to others');
        }
        $this->sockets?->linger();
        $this->end();
    }

    private function end(): void
    {
        $this->forget();
        $this->isOver = true;
        $this->sockets = null;
    }
}
