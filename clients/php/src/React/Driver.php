<?php

declare(strict_types=1);

namespace Acequia\React;

use Acequia\Worker\Clock;
use Acequia\Worker\Connection;
use Acequia\Worker\Sockets;
use React\EventLoop\LoopInterface;
use React\EventLoop\TimerInterface;

/**
 * Calls one connection when its sockets have news, and when its time has come.
 *
 * A socket of ZeroMQ has a descriptor that becomes readable when something changed, and not again
 * before that was looked at. So each time all is read, and sent, that can be.
 */
final class Driver
{
    /** A socket that takes nothing is tried again so soon. */
    private const STUCK_S = 0.05;

    private ?Connection $connection = null;
    private ?Sockets $watched = null;
    /** @var list<resource> */
    private array $streams = [];
    private ?TimerInterface $timer = null;
    private float $timerAt = INF;
    private bool $isAwake = false;

    /** @param \Closure(): void $over the connection has ended, as it was told to */
    public function __construct(private readonly LoopInterface $loop, private readonly \Closure $over)
    {
    }

    public function attach(Connection $connection): void
    {
        $this->connection = $connection;
        $this->turn();
    }

    /** Does what is to be done before the loop waits again. */
    public function wake(): void
    {
        if (!$this->isAwake && $this->connection !== null) {
            $this->isAwake = true;
            $this->loop->futureTick($this->turn(...));
        }
    }

    /** Sends what waits now. */
    public function flush(): void
    {
        $this->connection?->turn();
    }

    public function leave(): void
    {
        $this->connection?->leave();
        $this->turn();
    }

    private function turn(): void
    {
        $this->isAwake = false;
        if ($this->connection === null) {
            return;
        }
        $this->connection->sockets()?->settle();
        $all = $this->connection->receive();
        $this->connection->turn();
        $this->watch();
        if ($this->connection->isOver()) {
            $this->connection = null;
            $this->cancelTimer();
            ($this->over)();
            return;
        }
        if (!$all) {
            $this->wake();
        }
        $this->schedule();
    }

    /** Sees to it that the sockets that there are now are those that are watched. */
    private function watch(): void
    {
        $sockets = $this->connection?->sockets();
        if ($sockets === $this->watched) {
            return;
        }
        array_map($this->loop->removeReadStream(...), $this->streams);
        $this->streams = [];
        $this->watched = $sockets;
        if ($sockets !== null) {
            $this->streams = $sockets->news;
            foreach ($this->streams as $stream) {
                $this->loop->addReadStream($stream, $this->turn(...));
            }
        }
    }

    private function schedule(): void
    {
        $now = Clock::now();
        $due = $this->connection->due();
        if ($this->connection->wantsToSend()) {
            $due = min($due, $now + self::STUCK_S);
        }
        // A timer that comes too early finds that out, and costs less than a new one each time.
        if ($due >= $this->timerAt) {
            return;
        }
        $this->cancelTimer();
        if ($due !== INF) {
            $this->timerAt = $due;
            $this->timer = $this->loop->addTimer(max(0.0, $due - $now), function (): void {
                [$this->timer, $this->timerAt] = [null, INF];
                $this->turn();
            });
        }
    }

    private function cancelTimer(): void
    {
        $this->timer !== null && $this->loop->cancelTimer($this->timer);
        [$this->timer, $this->timerAt] = [null, INF];
    }
}
