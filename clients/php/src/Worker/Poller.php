<?php

declare(strict_types=1);

namespace Acequia\Worker;

/**
 * Waits until one of many streams can be read or written.
 *
 * By ext-zmq's poll, which has no limit of 1,024 descriptors, as `stream_select` has. Sockets of
 * ZeroMQ are waited for by their descriptors: with PHP 8, of several sockets themselves that poll
 * sees but one.
 */
final class Poller
{
    /** What a call says that a signal cut short. */
    private const EINTR = 4;

    private readonly \ZMQPoll $poll;
    /** @var array<string, array{resource, int}> what the poll knows */
    private array $known = [];
    /** @var array<string, array{resource, int}> what it is to know */
    private array $wanted = [];

    public function __construct()
    {
        $this->poll = new \ZMQPoll();
    }

    /** @param resource $stream */
    public function want(string $key, $stream, bool $read, bool $write = false): void
    {
        $events = ($read ? \ZMQ::POLL_IN : 0) | ($write ? \ZMQ::POLL_OUT : 0);
        if ($events !== 0) {
            $this->wanted[$key] = [$stream, $events];
        }
    }

    /** Waits for what was wanted since the last call; also returns when a signal came. */
    public function wait(float $seconds): void
    {
        if ($this->wanted !== $this->known) {
            $this->poll->clear();
            foreach ($this->wanted as [$stream, $events]) {
                $this->poll->add($stream, $events);
            }
            $this->known = $this->wanted;
        }
        $this->wanted = [];
        $seconds = max(0.0, $seconds);
        if ($this->known === []) {
            usleep((int) ($seconds * 1e6));
            return;
        }
        $readable = $writable = [];
        try {
            $this->poll->poll($readable, $writable, (int) ceil($seconds * 1000));
        } catch (\ZMQPollException $error) {
            if ($error->getCode() !== self::EINTR) {
                throw $error;
            }
        }
    }
}
