<?php

declare(strict_types=1);

namespace Acequia\Tests\Wire;

use Acequia\Wire\Bye;
use Acequia\Wire\Cancel;
use Acequia\Wire\FromWorker;
use Acequia\Wire\Hello;
use Acequia\Wire\JobMessage;
use Acequia\Wire\Malformed;
use Acequia\Wire\ToWorker;
use PHPUnit\Framework\TestCase;

/** The golden vectors: `wire/vectors/README.md` says what the keys mean. */
final class VectorsTest extends TestCase
{
    /** @dataProvider toWorker */
    public function testWhatTheServerSays(array $case): void
    {
        $understood = [];
        $malformed = null;
        try {
            foreach (ToWorker::decode(self::frames($case)) as $message) {
                $understood[] = self::shown($message);
            }
        } catch (Malformed $error) {
            $malformed = $error->getMessage();
        }
        $expected = array_map(static function (array $message): array {
            if (isset($message['body'])) {
                $message['body'] = self::bytes($message['body']);
            }
            if (($message['max_body'] ?? 0) > PHP_INT_MAX) {
                $message['max_body'] = PHP_INT_MAX;
            }
            return $message;
        }, self::repeated($case['messages']));
        self::assertEquals($expected, $understood);
        self::assertSame(isset($case['malformed']), $malformed !== null, (string) $malformed);
    }

    /** @dataProvider fromWorker */
    public function testWhatAWorkerSays(array $case): void
    {
        $frames = [];
        foreach (self::repeated($case['messages']) as $message) {
            array_push($frames, ...self::said($message));
        }
        self::assertSame(self::frames($case), $frames);
    }

    public function testTheProofOfTheToken(): void
    {
        $case = array_values(array_filter(self::cases(), static fn (array $case) => isset($case['auth_of'])))[0];
        $of = $case['auth_of'];
        $ready = $case['messages'][0];
        $hello = new Hello(hex2bin($ready['lane']), hex2bin($of['nonce']), 1, '');
        self::assertSame($ready['auth'], bin2hex($hello->proof(hex2bin($of['token']))));
    }

    public static function toWorker(): iterable
    {
        return self::named(static fn (array $case) => $case['direction'] === 'to_worker');
    }

    public static function fromWorker(): iterable
    {
        return self::named(static fn (array $case) => $case['direction'] === 'from_worker' && ($case['canonical'] ?? false));
    }

    private static function named(callable $is): iterable
    {
        foreach (array_filter(self::cases(), $is) as $case) {
            yield $case['name'] => [$case];
        }
    }

    private static function cases(): array
    {
        $file = __DIR__ . '/../../../../wire/vectors/worker-frames.json';
        return json_decode(file_get_contents($file), true, flags: JSON_THROW_ON_ERROR)['cases'];
    }

    private static function frames(array $case): array
    {
        $frames = array_map(self::bytes(...), $case['frames']);
        return array_merge(...array_fill(0, $case['times'] ?? 1, $frames));
    }

    private static function bytes(array $written): string
    {
        if (isset($written['parts'])) {
            return implode(array_map(
                static fn (array $part) => str_repeat(self::bytes($part), $part['times']),
                $written['parts'],
            ));
        }
        return $written['text'] ?? hex2bin($written['hex']);
    }

    private static function repeated(array $messages): array
    {
        $all = [];
        foreach ($messages as $message) {
            $times = $message['times'] ?? 1;
            unset($message['times']);
            array_push($all, ...array_fill(0, $times, $message));
        }
        return $all;
    }

    private static function shown(Hello|JobMessage|Cancel|Bye $message): array
    {
        return match (true) {
            $message instanceof Hello => [
                'kind' => 'hello',
                'lane' => bin2hex($message->lane),
                'v' => 1,
                'nonce' => bin2hex($message->nonce),
                'max_body' => $message->maxBody,
                'server' => $message->server,
            ],
            $message instanceof JobMessage => [
                'kind' => 'job',
                'job' => bin2hex($message->job),
                'queue' => $message->queue,
                'attempt' => $message->attempt,
                'type' => $message->type,
                'timeout_ms' => $message->timeoutMs,
                'meta' => array_map(null, array_keys($message->meta), array_values($message->meta)),
                'body' => $message->payload,
            ],
            $message instanceof Cancel => ['kind' => 'cancel', 'job' => bin2hex($message->job)],
            $message instanceof Bye => ['kind' => 'bye', 'lane' => bin2hex($message->lane), 'reason' => $message->reason],
        };
    }

    private static function said(array $message): array
    {
        $id = hex2bin($message['job'] ?? $message['lane']);
        $body = self::bytes($message['body'] ?? ['text' => '']);
        return match ($message['kind']) {
            'ready' => FromWorker::ready(
                $id,
                $message['slots'],
                $message['pack'],
                $message['queues'],
                $message['name'],
                $message['auth'] === null ? null : hex2bin($message['auth']),
            ),
            'progress' => FromWorker::progress($id, $message['done'], $message['total'], $message['note']),
            'chunk' => FromWorker::chunk($id, $message['type'], $body),
            'done' => FromWorker::done($id, $message['type'], $body),
            'fail' => FromWorker::fail($id, $message['code'], $message['message'], $message['retry']),
            'beat' => FromWorker::beat($id),
            'publish' => FromWorker::publish($id, $message['topic'], $message['type'], $body),
            'bye' => FromWorker::bye($id),
        };
    }
}
