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

    private function __construct(public readonly \ZMQSocket $pull, public readonly \ZMQSocket $push)
    {
    }

    public static function open(\ZMQContext $context, Server $server): self
    {
        $pull = self::socket($context, \ZMQ::SOCKET_PULL);
        $push = self::socket($context, \ZMQ::SOCKET_PUSH);
        $push->setSockOpt(\ZMQ::SOCKOPT_IMMEDIATE, 1);
        $push->setSockOpt(\ZMQ::SOCKOPT_SNDHWM, self::QUEUED_MAX);
        $pull->connect($server->jobs);
        $push->connect($server->results);
        return new self($pull, $push);
    }

    /** @return ?list<string> the frames of the next message; `null` if there is none yet */
    public function receive(): ?array
    {
        return $this->pull->recvMulti(\ZMQ::MODE_NOBLOCK) ?: null;
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
