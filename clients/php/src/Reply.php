<?php

declare(strict_types=1);

namespace Acequia;

use Acequia\Wire\Limits;
use Acequia\Wire\MsgPack;
use Acequia\Wire\MsgPackException;

/**
 * A result, a chunk of one, or what is published: bytes and their media type.
 *
 * A handler need not make one. What else it returns is written as its job's type asks:
 *
 * | the job's type | what the handler returns becomes |
 * |---|---|
 * | `application/json` | JSON |
 * | `application/msgpack` | MessagePack |
 * | any other | a string goes as it is, of the job's type; `null` is nothing; all else becomes JSON |
 */
final class Reply
{
    public const JSON = 'application/json';
    public const MSGPACK = 'application/msgpack';
    public const TEXT = 'text/plain';
    public const BYTES = 'application/octet-stream';

    private const JSON_FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION
        | JSON_THROW_ON_ERROR;

    /** @param ?string $type `null`: that of the job */
    private function __construct(public readonly ?string $type, public readonly string $bytes)
    {
    }

    /** Raw bytes. A client in JSON gets them as base64. */
    public static function bytes(string $bytes): self
    {
        return new self(self::BYTES, $bytes);
    }

    /** Text, which a client gets as a string. */
    public static function text(string $text): self
    {
        return new self(self::TEXT, $text);
    }

    /**
     * A value as JSON. (`[]` is the empty array; `new \stdClass` is the empty object.)
     *
     * @throws Failure with code `bad_result` if it cannot be written as JSON
     */
    public static function json(mixed $value): self
    {
        try {
            return new self(self::JSON, json_encode($value, self::JSON_FLAGS, Limits::NESTING_MAX));
        } catch (\JsonException $error) {
            throw Failure::badResult("the value cannot be written as JSON: {$error->getMessage()}");
        }
    }

    /**
     * A value as MessagePack.
     *
     * @throws Failure with code `bad_result` if it cannot be written as MessagePack
     */
    public static function msgpack(mixed $value): self
    {
        try {
            return new self(self::MSGPACK, MsgPack::pack($value));
        } catch (MsgPackException $error) {
            throw Failure::badResult("the value cannot be written as MessagePack: {$error->getMessage()}");
        }
    }

    /**
     * Bytes of any media type, such as `image/png`.
     *
     * @throws Failure with code `bad_result` if the type has more than 128 bytes
     */
    public static function typed(string $type, string $bytes): self
    {
        if (strlen($type) > Limits::TYPE_BYTES_MAX) {
            $bytes = strlen($type);
            throw Failure::badResult("a content type of $bytes bytes; the most is " . Limits::TYPE_BYTES_MAX);
        }
        return new self($type, $bytes);
    }

    /** Bytes of the same type as the job's payload. */
    public static function sameType(string $bytes): self
    {
        return new self(null, $bytes);
    }

    /**
     * What a handler returned for a job of this type.
     *
     * @throws Failure with code `bad_result` if it cannot be written
     */
    public static function of(mixed $value, string $jobType): self
    {
        return match (true) {
            $value instanceof self => $value,
            $jobType === self::JSON => self::json($value),
            $jobType === self::MSGPACK => self::msgpack($value),
            is_string($value) => self::sameType($value),
            $value === null => self::sameType(''),
            default => self::json($value),
        };
    }
}
