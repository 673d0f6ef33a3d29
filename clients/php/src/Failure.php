<?php

declare(strict_types=1);

namespace Acequia;

/**
 * A job that failed, with a code for the client's program: thrown by a handler.
 *
 *     throw new Failure('no_image', 'not a picture', retry: false);
 *
 * Any other exception fails the job as well, with its message, without a code, and worth another
 * attempt.
 */
class Failure extends \RuntimeException
{
    /**
     * @param string $code in `snake_case`; at most 64 bytes of it reach the client
     * @param string $message what happened, for people; at most 4 KiB of it reach the client
     * @param bool $retry whether another attempt may help; the client says how many it allows
     */
    public function __construct(
        string $code,
        string $message,
        public readonly bool $retry = true,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message, 0, $previous);
        $this->code = $code;
    }

    /** What a handler says that stopped because its job was cancelled. */
    public static function cancelled(): self
    {
        return new self('cancelled', 'the job was cancelled', retry: false);
    }

    /** A body that the server would not take. */
    public static function badResult(string $message): self
    {
        return new self('bad_result', $message, retry: false);
    }
}
