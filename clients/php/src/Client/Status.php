<?php

declare(strict_types=1);

namespace Acequia\Client;

/** Where a job is, or how it ended. Times are milliseconds since 1970. */
final class Status
{
    /**
     * @param string $state `delayed`, `waiting`, `running`, `done`, `failed` or `cancelled`
     * @param ?string $queue `null` if it is not known any more
     * @param ?string $worker who runs it
     * @param ?string $resultType of a job that is done
     * @param ?string $code of a job that failed
     * @param ?string $message of a job that failed
     */
    public function __construct(
        public readonly string $job,
        public readonly string $state,
        public readonly ?string $queue,
        public readonly ?int $attempt,
        public readonly int $submittedMs,
        public readonly ?int $endedMs,
        public readonly ?string $worker,
        public readonly ?string $resultType,
        public readonly ?string $code,
        public readonly ?string $message,
    ) {
    }

    public static function of(Answer $answer): self
    {
        $keys = json_decode($answer->body, true, flags: JSON_THROW_ON_ERROR);
        return new self(
            $keys['job'],
            $keys['state'],
            $keys['queue'] ?? null,
            $keys['attempt'] ?? null,
            $keys['submitted_ms'],
            $keys['ended_ms'] ?? null,
            $keys['worker'] ?? null,
            $keys['result_type'] ?? null,
            $keys['code'] ?? null,
            $keys['message'] ?? null,
        );
    }

    public function hasEnded(): bool
    {
        return in_array($this->state, ['done', 'failed', 'cancelled'], true);
    }
}
