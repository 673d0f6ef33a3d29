<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** What the server says to a worker. */
final class ToWorker
{
    private function __construct()
    {
    }

    /**
     * The messages that one ZeroMQ message holds, in order.
     *
     * @param list<string> $frames
     * @return \Generator<int, Hello|JobMessage|Cancel|Bye>
     * @throws Malformed at the message that cannot be understood; those before it count
     */
    public static function decode(array $frames): \Generator
    {
        $count = count($frames);
        if ($count > 4 && ($count % 4 !== 0 || $count > 4 * Limits::PACK_MAX)) {
            throw new Malformed("a message of $count frames: it is 1 to 4, or a multiple of 4 up to " . 4 * Limits::PACK_MAX);
        }
        foreach (array_chunk($frames, 4) as $message) {
            yield self::message($message[0], $message[1] ?? '', $message[2] ?? '', $message[3] ?? '');
        }
    }

    private static function message(string $kind, string $id, string $head, string $body): Hello|JobMessage|Cancel|Bye
    {
        if (strlen($id) !== Limits::ID_BYTES) {
            throw new Malformed('an id of ' . strlen($id) . ' bytes; it has ' . Limits::ID_BYTES);
        }
        return match ($kind) {
            'job' => JobMessage::read($id, Head::read($head), $body),
            'hello' => Hello::read($id, Head::read($head)),
            'cancel' => new Cancel($id),
            'bye' => new Bye($id, Head::read($head)->text('reason', '')),
            default => throw new Malformed('an unknown kind of ' . strlen($kind) . ' bytes'),
        };
    }
}
