<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** The head of a message of the server, read key by key. Keys that nobody asks for do not matter. */
final class Head
{
    /** @param array<mixed> $keys */
    private function __construct(private readonly array $keys)
    {
    }

    public static function read(string $bytes): self
    {
        if ($bytes === '') {
            return new self([]);
        }
        if (strlen($bytes) > Limits::HEAD_BYTES_MAX) {
            throw new Malformed('a head of ' . strlen($bytes) . ' bytes; the most is ' . Limits::HEAD_BYTES_MAX);
        }
        try {
            $keys = MsgPack::unpack($bytes, assoc: false);
        } catch (MsgPackException $error) {
            throw new Malformed("a head is not MessagePack: {$error->getMessage()}");
        }
        return new self($keys instanceof \stdClass ? (array) $keys : throw new Malformed('a head must be a map'));
    }

    public function text(string $key, string $default, int $bytesMax = PHP_INT_MAX): string
    {
        $value = $this->keys[$key] ?? $default;
        return is_string($value) && strlen($value) <= $bytesMax
            ? $value
            : throw new Malformed("`$key` must be a string of at most $bytesMax bytes");
    }

    public function bytes(string $key, int $bytes): string
    {
        $value = $this->keys[$key] ?? throw new Malformed("`$key` is missing");
        return is_string($value) && strlen($value) === $bytes
            ? $value
            : throw new Malformed("`$key` must be $bytes bytes");
    }

    /** An integer; `null` if it is absent. */
    public function integer(string $key): ?int
    {
        $value = $this->keys[$key] ?? null;
        if (is_float($value)) {
            // An unsigned one beyond what PHP counts to.
            return PHP_INT_MAX;
        }
        return $value === null || (is_int($value) && $value >= 0)
            ? $value
            : throw new Malformed("`$key` must be an integer that is not negative");
    }

    /** @return array<string, string> */
    public function texts(string $key): array
    {
        if (!array_key_exists($key, $this->keys)) {
            return [];
        }
        $map = $this->keys[$key];
        if (!$map instanceof \stdClass) {
            throw new Malformed("`$key` is not as expected: expected a map");
        }
        $map = (array) $map;
        foreach ($map as $value) {
            if (!is_string($value)) {
                throw new Malformed("`$key` is not as expected: expected a string for each key");
            }
        }
        return $map;
    }
}
