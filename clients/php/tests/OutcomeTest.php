<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Failure;
use Acequia\Job;
use Acequia\Reply;
use Acequia\Wire\JobMessage;
use Acequia\Wire\MsgPack;
use Acequia\Worker\Line;
use PHPUnit\Framework\TestCase;

/** What a handler returns or throws, as the server is told it. */
final class OutcomeTest extends TestCase
{
    private const ID = '01890a5dac96774bbcceb302099a8057';

    private static function job(string $type, string $payload = '', array $meta = []): Job
    {
        $line = new class () implements Line {
            public function send(array $message): void
            {
            }

            public function isCancelled(): bool
            {
                return false;
            }

            public function onCancel(\Closure $then): void
            {
            }

            public function maxBody(): int
            {
                return 100;
            }
        };
        return new Job(new JobMessage(hex2bin(self::ID), 'q', 1, $type, null, $meta, $payload), $line);
    }

    /** @dataProvider results */
    public function testAResult(string $jobType, mixed $result, ?string $type, string $body): void
    {
        [$kind, $id, $head, $bytes] = self::job($jobType)->outcome($result);
        self::assertSame(['done', self::ID], [$kind, bin2hex($id)]);
        self::assertSame($type, $head === '' ? null : MsgPack::unpack($head)['type']);
        self::assertSame($body, $bytes);
    }

    public static function results(): iterable
    {
        yield ['application/json', 'a/ü', 'application/json', '"a/ü"'];
        yield ['application/json', null, 'application/json', 'null'];
        yield ['application/json', [1.0, new \stdClass()], 'application/json', '[1.0,{}]'];
        yield ['application/json', Reply::bytes("\xff"), 'application/octet-stream', "\xff"];
        yield ['application/json', Reply::sameType('[1]'), null, '[1]'];
        yield ['application/msgpack', ['a' => 1], 'application/msgpack', "\x81\xa1a\x01"];
        yield ['text/plain', 'a', null, 'a'];
        yield ['image/png', "\xff", null, "\xff"];
        yield ['image/png', null, null, ''];
        yield ['image/png', [1], 'application/json', '[1]'];
        yield ['image/png', Reply::typed('image/webp', 'x'), 'image/webp', 'x'];
    }

    /** @dataProvider failures */
    public function testAFailure(mixed $result, ?string $code, string $message, bool $retry): void
    {
        [$kind, $id, $head] = self::job('application/json')->outcome($result);
        self::assertSame(['fail', self::ID], [$kind, bin2hex($id)]);
        $head = MsgPack::unpack($head);
        self::assertSame($code, $head['code'] ?? null);
        self::assertSame([$message, $retry], [$head['message'], $head['retry']]);
    }

    public static function failures(): iterable
    {
        yield [new \RuntimeException('boom'), null, 'boom', true];
        yield [new \TypeError('boom'), null, 'boom', true];
        yield [new \LogicException(), null, 'LogicException', true];
        yield [new \RuntimeException("caf\xe9"), null, "caf\u{FFFD}", true];
        yield [new \RuntimeException(str_repeat('ü', 5000)), null, str_repeat('ü', 2048), true];
        yield [new Failure('no_image', 'not a picture', retry: false), 'no_image', 'not a picture', false];
        yield [new Failure(str_repeat('é', 40), 'long'), str_repeat('é', 32), 'long', true];
        yield [["\xff"], 'bad_result',
            'the value cannot be written as JSON: Malformed UTF-8 characters, possibly incorrectly encoded', false];
        yield [str_repeat('x', 99), 'bad_result', 'the result has 101 bytes, and the server takes at most 100; '
            . "send a smaller one, or raise the server's limit", false];
        yield [(static function () {
            for ($deep = [], $i = 0; $i < 128; $i++) {
                $deep = [$deep];
            }
            return $deep;
        })(), 'bad_result', 'the value cannot be written as JSON: Maximum stack depth exceeded', false];
    }

    public function testWhatAHandlerSees(): void
    {
        $job = self::job('application/json', '{"a": {}}', ['traceparent' => 'x', 'other' => 'y']);
        self::assertSame('01890a5d-ac96-774b-bcce-b302099a8057', $job->id);
        self::assertSame(['x', ['a' => []]], [$job->traceparent(), $job->json()]);
        self::assertEquals((object) ['a' => new \stdClass()], $job->json(assoc: false));
        self::assertSame(['a' => 1], self::job('application/msgpack', "\x81\xa1a\x01")->value());
        self::assertSame('text', self::job('text/plain', 'text')->value());
        self::assertNull(self::job('text/plain')->traceparent());
    }

    /** @dataProvider unreadable */
    public function testAPayloadThatCannotBeReadIsNotWorthAnotherAttempt(callable $read, string $says): void
    {
        try {
            $read(self::job('application/json', "\xc1"));
            self::fail('it was read');
        } catch (Failure $failure) {
            self::assertSame(['bad_input', false], [$failure->getCode(), $failure->retry]);
            self::assertStringContainsString("(application/json) is not the $says", $failure->getMessage());
        }
    }

    public static function unreadable(): iterable
    {
        yield [fn (Job $job) => $job->json(), 'JSON'];
        yield [fn (Job $job) => $job->msgpack(), 'MessagePack'];
        yield [fn (Job $job) => $job->value(), 'JSON'];
    }

    public function testWhatCannotBePublishedIsToldAtOnce(): void
    {
        $job = self::job('application/json');
        foreach (['', str_repeat('x', 129), "\xff"] as $topic) {
            try {
                $job->publish($topic, 1);
                self::fail('it was taken');
            } catch (Failure $failure) {
                self::assertSame('bad_topic', $failure->getCode());
            }
        }
        $this->expectExceptionMessage('the published message has 102 bytes');
        $job->publish('a', str_repeat('x', 100));
    }

    public function testATypeHasALimit(): void
    {
        $this->expectExceptionMessage('a content type of 129 bytes');
        Reply::typed(str_repeat('x', 129), '');
    }
}
