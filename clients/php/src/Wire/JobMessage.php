<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** A job for this worker. */
final class JobMessage
{
    /**
     * @param string $job 16 bytes
     * @param array<string, string> $meta
     */
    public function __construct(
        public readonly string $job,
        public readonly string $queue,
        public readonly int $attempt,
        public readonly string $type,
        public readonly ?int $timeoutMs,
        public readonly array $meta,
        public readonly string $payload,
    ) {
    }

    public static function read(string $job, Head $head, string $body): self
    {
        $queue = $head->text('queue', 'default');
        if (!Limits::isQueueName($queue)) {
            throw new Malformed('`queue` must be the name of a queue');
        }
        $attempt = $head->integer('attempt') ?? 1;
        if ($attempt < 1) {
            throw new Malformed('`attempt` must be a positive integer');
        }
        $timeoutMs = $head->integer('timeout_ms');
        if ($timeoutMs > Limits::DURATION_MS_MAX) {
            throw new Malformed('`timeout_ms` must be at most ' . Limits::DURATION_MS_MAX);
        }
        $type = $head->text('type', 'application/octet-stream', Limits::TYPE_BYTES_MAX);
        return new self($job, $queue, $attempt, $type, $timeoutMs, $head->texts('meta'), $body);
    }
}
