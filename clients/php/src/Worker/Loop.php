<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** The loop of a worker that owns its process: it waits in one place for all that may happen. */
final class Loop
{
    /** Should a signal come in the moment before the wait begins, it is seen no later than this. */
    private const WAIT_S_MAX = 1.0;
    /** A socket that takes nothing is tried again so soon. */
    private const STUCK_S = 0.05;

    /** @var list<Connection> */
    private array $connections = [];
    private readonly Poller $poller;
    /** More was there than one turn reads. */
    private bool $isBehind = false;

    /** @param ?float $beat as {@see Connection} has it */
    public function __construct(
        Options $options,
        private readonly Gang $gang,
        private readonly ?Signals $signals,
        ?float $beat,
    ) {
        $this->poller = new Poller();
        $context = new \ZMQContext(1, false);
        foreach ($options->servers as $i => $server) {
            $this->connections[] = new Connection($options, $server, $context, $gang->crew($i), $beat);
        }
    }

    /** Works until told to stop. */
    public function run(): void
    {
        while ($this->living() !== []) {
            $this->wait();
            if ($this->signals?->isTold()) {
                array_map(static fn (Connection $connection) => $connection->leave(), $this->connections);
            }
            $this->hear();
            $this->gang->turn();
            array_map(static fn (Connection $connection) => $connection->turn(), $this->connections);
        }
    }

    /** Takes in what is there, without waiting: for handlers that share the loop's process. */
    public function hear(): void
    {
        foreach ($this->connections as $connection) {
            $this->isBehind = !$connection->receive() || $this->isBehind;
        }
    }

    /** Sends what waits, without waiting. */
    public function speak(): void
    {
        array_map(static fn (Connection $connection) => $connection->turn(), $this->connections);
    }

    private function wait(): void
    {
        $until = min(Clock::now() + self::WAIT_S_MAX, $this->gang->due());
        foreach ($this->living() as $i => $connection) {
            $sockets = $connection->sockets();
            if ($sockets !== null) {
                $this->poller->want("jobs $i", $sockets->news[0], read: true);
                $this->poller->want("end $i", $sockets->news[1], read: true);
            }
            $until = min($until, $connection->due());
            if ($connection->wantsToSend()) {
                // Not by the poll: on a socket whose server is gone that takes a whole processor.
                $until = min($until, Clock::now() + self::STUCK_S);
            }
        }
        $this->gang->want($this->poller);
        $wait = fn () => $this->poller->wait($this->isBehind ? 0.0 : $until - Clock::now());
        $this->signals === null ? $wait() : $this->signals->during($wait);
        $this->isBehind = false;
    }

    /** @return array<int, Connection> */
    private function living(): array
    {
        return array_filter($this->connections, static fn (Connection $connection) => !$connection->isOver());
    }
}
