<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Wire\Limits;

/** What waits to be sent on one results connection. What waits at one time leaves packed. */
final class Outbox
{
    /** What a message costs beside its head and its body, in bytes. */
    private const OVERHEAD = 64;
    private const BYTES_MAX = 4 << 20;

    /** @var list<array{string, string, string, string}> */
    private array $waiting = [];
    private int $bytes = 0;

    /** @param array{string, string, string, string} $message */
    public function push(array $message): void
    {
        $this->waiting[] = $message;
        $this->bytes += self::size($message);
    }

    public function isEmpty(): bool
    {
        return $this->waiting === [];
    }

    /** Whether those who have more to say should wait. */
    public function isFull(): bool
    {
        return count($this->waiting) >= Limits::PACK_MAX || $this->bytes > self::BYTES_MAX;
    }

    public function clear(): void
    {
        $this->waiting = [];
        $this->bytes = 0;
    }

    /**
     * Sends until all is sent, or the socket takes no more. Whether anything was sent.
     *
     * @param int $bytesMax what the server takes in one body, and thereby in several
     */
    public function flush(\ZMQSocket $push, int $bytesMax): bool
    {
        $sent = 0;
        while ($sent < count($this->waiting)) {
            $next = $this->packFrom($sent, min(Limits::PACK_BYTES_MAX, $bytesMax));
            $pack = array_slice($this->waiting, $sent, $next - $sent);
            if ($push->sendmulti(array_merge(...$pack), \ZMQ::MODE_NOBLOCK) === false) {
                break;
            }
            $sent = $next;
        }
        if ($sent > 0) {
            array_splice($this->waiting, 0, $sent);
            $this->bytes = array_sum(array_map(self::size(...), $this->waiting));
        }
        return $sent > 0;
    }

    /** Where the pack that begins at a message ends: before this one. */
    private function packFrom(int $at, int $bytesMax): int
    {
        $first = $at;
        $bytes = 0;
        while ($at < count($this->waiting) && $at - $first < Limits::PACK_MAX) {
            $bytes += self::size($this->waiting[$at]);
            if ($at > $first && $bytes >= $bytesMax) {
                break;
            }
            $at++;
        }
        return $at;
    }

    /** @param array{string, string, string, string} $message */
    private static function size(array $message): int
    {
        return self::OVERHEAD + strlen($message[2]) + strlen($message[3]);
    }
}
