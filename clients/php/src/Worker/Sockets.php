<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** The two ZeroMQ sockets of a connection. They reconnect by themselves. */
final class Sockets
{
    private const HEARTBEAT_MS = 15_000;
    private const SILENCE_MS_MAX = 30_000;
    private const RECONNECT_MS = 100;
    private const RECONNECT_MS_MAX = 5_000;
    /** ZeroMQ messages that wait in the socket; beyond that they wait in our outbox. */
    private const QUEUED_MAX = 64;
    /** How long last results may take to be written. */
    private const LINGER_MS = 5_000;

    private static int $monitors = 0;

    /**
     * Become readable when something changed for a socket, and not again before that was looked at.
     *
     * @var array{resource, resource, resource} for jobs, by {@see receive()}; for the end of the
     *     connection, by {@see isLost()}; for results, by {@see settle()}
     */
    public readonly array $news;

    /** @param \ZMQSocket $ends has a message for each connection for jobs that has ended */
    private function __construct(
        private readonly \ZMQSocket $pull,
        private readonly \ZMQSocket $ends,
        public readonly \ZMQSocket $push,
    ) {
        $this->news = array_map(
            static fn (\ZMQSocket $socket) => $socket->getSockOpt(\ZMQ::SOCKOPT_FD),
            [$pull, $ends, $push],
        );
    }

    public static function open(\ZMQContext $context, Server $server): self
    {
        $pull = self::socket($context, \ZMQ::SOCKET_PULL);
        $push = self::socket($context, \ZMQ::SOCKET_PUSH);
        $push->setSockOpt(\ZMQ::SOCKOPT_IMMEDIATE, 1);
        $push->setSockOpt(\ZMQ::SOCKOPT_SNDHWM, self::QUEUED_MAX);
        $monitor = 'inproc://acequia-ends-' . self::$monitors++;
        $pull->monitor($monitor, \ZMQ::EVENT_DISCONNECTED);
        $ends = new \ZMQSocket($context, \ZMQ::SOCKET_PAIR);
        $ends->connect($monitor);
        $pull->connect($server->jobs);
        $push->connect($server->results);
        return new self($pull, $ends, $push);
    }

    /**
     * Nobody hears of its end any more. libzmq's own thread tells it, and waits for ever if whoever
     * should hear of it has gone before: no socket of this process would be served again.
     */
    public function __destruct()
    {
        $this->pull->monitor('inproc://acequia-ends-' . self::$monitors++, 0);
    }

    /** @return ?list<string> the frames of the next message; `null` if there is none yet */
    public function receive(): ?array
    {
        return $this->pull->recvMulti(\ZMQ::MODE_NOBLOCK) ?: null;
    }

    /** Whether a connection for jobs has ended since this was asked last. */
    public function isLost(): bool
    {
        for ($lost = false; $this->ends->recvMulti(\ZMQ::MODE_NOBLOCK) !== false; $lost = true) {
        }
        return $lost;
    }

    /**
     * Takes in what the socket for results was told since it was last used, so that its descriptor
     * is quiet until there is news.
     */
    public function settle(): void
    {
        $this->push->getSockOpt(\ZMQ::SOCKOPT_EVENTS);
    }

    /** What was sent is still written when the sockets close. */
    public function linger(): void
    {
        $this->push->setSockOpt(\ZMQ::SOCKOPT_LINGER, self::LINGER_MS);
    }

    private static function socket(\ZMQContext $context, int $type): \ZMQSocket
    {
        $socket = new \ZMQSocket($context, $type);
        $socket->setSockOpt(\ZMQ::SOCKOPT_LINGER, 0);
        $socket->setSockOpt(\ZMQ::SOCKOPT_RECONNECT_IVL, self::RECONNECT_MS);
        $socket->setSockOpt(\ZMQ::SOCKOPT_RECONNECT_IVL_MAX, self::RECONNECT_MS_MAX);
        $socket->setSockOpt(\ZMQ::SOCKOPT_HEARTBEAT_IVL, self::HEARTBEAT_MS);
        $socket->setSockOpt(\ZMQ::SOCKOPT_HEARTBEAT_TIMEOUT, self::SILENCE_MS_MAX);
        return $socket;
    }
}
