<?php

declare(strict_types=1);

namespace Acequia\Client;

use Acequia\Reply;
use Acequia\Wire\MsgPack;

/** The result of a job: bytes, and their media type. */
final class Result
{
    public function __construct(public readonly string $type, public readonly string $bytes)
    {
    }

    public static function of(Answer $answer): self
    {
        return new self($answer->header('content-type') ?? Reply::BYTES, $answer->body);
    }

    /** JSON (objects as arrays) and MessagePack as values, all else as a string. */
    public function value(): mixed
    {
        return match ($this->type) {
            Reply::JSON => json_decode($this->bytes, true, flags: JSON_THROW_ON_ERROR),
            Reply::MSGPACK => MsgPack::unpack($this->bytes),
            default => $this->bytes,
        };
    }
}
