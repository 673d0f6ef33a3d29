<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** Limits of the worker protocol. What the server says at run time (`max_body`) is not among them. */
final class Limits
{
    /** The version of the protocol that this package speaks. */
    public const VERSION = 1;
    public const ID_BYTES = 16;
    public const NONCE_BYTES = 32;
    public const HEAD_BYTES_MAX = 1_048_576;
    /** Levels of arrays and maps in a head or a body. */
    public const NESTING_MAX = 128;
    public const SLOTS_MAX = 65_536;
    /** Messages in one ZeroMQ message. */
    public const PACK_MAX = 1_024;
    /** A packed message stays below this, unless it is a single large one. */
    public const PACK_BYTES_MAX = 262_144;
    public const QUEUES_MAX = 64;
    public const QUEUE_NAME_BYTES_MAX = 64;
    public const WORKER_NAME_BYTES_MAX = 64;
    public const TYPE_BYTES_MAX = 128;
    public const TOPIC_BYTES_MAX = 128;
    public const TEXT_BYTES_MAX = 4_096;
    public const CODE_BYTES_MAX = 64;
    public const DURATION_MS_MAX = 2_592_000_000;

    private function __construct()
    {
    }

    /** Whether a queue may have this name. */
    public static function isQueueName(string $name): bool
    {
        return preg_match('/\A[A-Za-z0-9._-]{1,' . self::QUEUE_NAME_BYTES_MAX . '}\z/', $name) === 1;
    }
}
