<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** What a worker says to the server: each message as its four frames. Ids are 16 bytes. */
final class FromWorker
{
    private function __construct()
    {
    }

    /**
     * @param list<string> $queues
     * @return array{string, string, string, string}
     */
    public static function ready(
        string $lane,
        int $slots,
        int $pack,
        array $queues,
        ?string $name = null,
        ?string $auth = null,
    ): array {
        $head = ['slots' => $slots, 'pack' => $pack, 'queues' => $queues];
        if ($name !== null) {
            $head['name'] = Utf8::cut($name, Limits::WORKER_NAME_BYTES_MAX);
        }
        if ($auth !== null) {
            $head['auth'] = new Binary($auth);
        }
        return ['ready', $lane, MsgPack::packMap($head), ''];
    }

    /**
     * Numbers that are not finite, and an empty note, are left out.
     *
     * @return array{string, string, string, string}
     */
    public static function progress(string $job, int|float|null $done, int|float|null $total, ?string $note): array
    {
        $head = [];
        if ($done !== null && is_finite($done)) {
            $head['done'] = $done;
        }
        if ($total !== null && is_finite($total)) {
            $head['total'] = $total;
        }
        if ($note !== null && $note !== '') {
            $head['note'] = Utf8::cut($note, Limits::TEXT_BYTES_MAX);
        }
        return ['progress', $job, MsgPack::packMap($head), ''];
    }

    /**
     * @param ?string $type `null`: that of the job
     * @return array{string, string, string, string}
     */
    public static function chunk(string $job, ?string $type, string $body): array
    {
        return ['chunk', $job, self::typed($type), $body];
    }

    /**
     * @param ?string $type `null`: that of the job
     * @return array{string, string, string, string}
     */
    public static function done(string $job, ?string $type, string $body): array
    {
        return ['done', $job, self::typed($type), $body];
    }

    /** @return array{string, string, string, string} */
    public static function fail(string $job, ?string $code, string $message, bool $retry): array
    {
        $head = $code === null ? [] : ['code' => Utf8::cut($code, Limits::CODE_BYTES_MAX)];
        $head += ['message' => Utf8::cut($message, Limits::TEXT_BYTES_MAX), 'retry' => $retry];
        return ['fail', $job, MsgPack::packMap($head), ''];
    }

    /** @return array{string, string, string, string} */
    public static function beat(string $lane): array
    {
        return ['beat', $lane, '', ''];
    }

    /**
     * @param ?string $type `null`: JSON
     * @return array{string, string, string, string}
     */
    public static function publish(string $lane, string $topic, ?string $type, string $body): array
    {
        $head = $type === null ? [] : ['type' => $type];
        return ['publish', $lane, MsgPack::packMap(['topic' => $topic] + $head), $body];
    }

    /** @return array{string, string, string, string} */
    public static function bye(string $lane): array
    {
        return ['bye', $lane, '', ''];
    }

    private static function typed(?string $type): string
    {
        return $type === null ? '' : MsgPack::packMap(['type' => $type]);
    }
}
