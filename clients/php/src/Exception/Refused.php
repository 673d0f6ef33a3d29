<?php

declare(strict_types=1);

namespace Acequia\Exception;

use Acequia\Client\Answer;

/**
 * A call that the server refused, as its problem says: {@see getCode()} is a word for programs, such
 * as `queue_full`, and the message is for people.
 */
class Refused extends \RuntimeException implements AcequiaException
{
    /**
     * @param int $status the HTTP status
     * @param ?int $retryAfterMs when another try is worth while, if waiting helps
     * @param ?string $job the job that it is about, if there is one
     */
    final public function __construct(
        string $code,
        string $detail,
        public readonly int $status = 0,
        public readonly ?int $retryAfterMs = null,
        public readonly ?string $job = null,
        public readonly ?int $attempt = null,
    ) {
        parent::__construct($detail);
        $this->code = $code;
    }

    /** @param array<mixed> $problem as `application/problem+json` has it */
    public static function of(array $problem, int $status): static
    {
        return new static(
            (string) ($problem['code'] ?? "http_$status"),
            (string) ($problem['detail'] ?? $problem['title'] ?? "the server answered with status $status"),
            $status,
            isset($problem['retry_after_ms']) ? (int) $problem['retry_after_ms'] : null,
            isset($problem['job']) ? (string) $problem['job'] : null,
            isset($problem['attempt']) ? (int) $problem['attempt'] : null,
        );
    }

    public static function from(Answer $answer): static
    {
        $problem = json_decode($answer->body, true);
        // What is no problem is of something between, or given before the call was looked at.
        $refused = static::of(is_array($problem) ? $problem : ['detail' => self::said($answer)], $answer->status);
        $seconds = $answer->header('retry-after');
        return $refused->retryAfterMs === null && is_numeric($seconds)
            ? new static($refused->code, $refused->message, $answer->status, (int) ($seconds * 1000), $refused->job)
            : $refused;
    }

    private static function said(Answer $answer): string
    {
        $text = trim(substr($answer->body, 0, 200));
        return "the server answered with status $answer->status" . ($text === '' ? '' : ": $text");
    }
}
