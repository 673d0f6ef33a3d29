<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Tests\Harness\Patience;
use Acequia\Tests\Harness\Program;
use Acequia\Wire\MsgPack;
use PHPUnit\Framework\TestCase;

/** What workers say, word by word, to a server that this test plays: also one that does what none should. */
final class ConversationTest extends TestCase
{
    private const JOB = "\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x57";
    private const OTHER = "\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x58";

    private \ZMQSocket $jobs;
    private \ZMQSocket $results;
    private ?Program $worker = null;
    /** @var list<list<string>> messages that were read and not asked for yet */
    private array $inbox = [];

    protected function tearDown(): void
    {
        $this->worker = null;
    }

    public static function kinds(): iterable
    {
        yield 'forked' => ['conduct.php'];
        yield 'react' => ['conduct_react.php'];
    }

    private function start(string $script): void
    {
        $context = new \ZMQContext(1, false);
        $this->jobs = new \ZMQSocket($context, \ZMQ::SOCKET_PUSH);
        $this->results = new \ZMQSocket($context, \ZMQ::SOCKET_PULL);
        foreach ([$this->jobs, $this->results] as $socket) {
            $socket->setSockOpt(\ZMQ::SOCKOPT_LINGER, 0);
            $socket->bind('tcp://127.0.0.1:*');
        }
        $this->jobs->setSockOpt(\ZMQ::SOCKOPT_SNDTIMEO, Patience::SECONDS * 1000);
        $this->results->setSockOpt(\ZMQ::SOCKOPT_RCVTIMEO, Patience::SECONDS * 1000);
        $this->worker = Program::php(__DIR__ . "/$script", [
            'ACEQUIA_JOBS' => $this->jobs->getSockOpt(\ZMQ::SOCKOPT_LAST_ENDPOINT),
            'ACEQUIA_RESULTS' => $this->results->getSockOpt(\ZMQ::SOCKOPT_LAST_ENDPOINT),
            'ACEQUIA_NAME' => 'anna',
        ]);
    }

    /** @param array<string, mixed> $head */
    private static function message(string $kind, string $id, array $head = [], string $body = ''): array
    {
        return [$kind, $id, MsgPack::packMap($head), $body];
    }

    private static function job(string $id, string $queue, mixed $payload): array
    {
        return self::message('job', $id, ['queue' => $queue, 'type' => 'application/json'], json_encode($payload));
    }

    private function say(array ...$messages): void
    {
        self::assertNotFalse($this->jobs->sendmulti(array_merge(...$messages)), 'the worker takes nothing');
    }

    /** The worker's next message, other than beats: kind, id, head, body. */
    private function hear(): array
    {
        do {
            if ($this->inbox === []) {
                $frames = $this->results->recvMulti();
                self::assertNotFalse($frames, "the worker says nothing:\n" . $this->worker->said());
                $this->inbox = array_chunk($frames, 4);
            }
            [$kind, $id, $head, $body] = array_pad(array_shift($this->inbox), 4, '');
        } while ($kind === 'beat');
        return [$kind, $id, $head === '' ? [] : MsgPack::unpack($head), $body];
    }

    private function greet(string $lane, int $maxBody = 1000): array
    {
        $nonce = str_repeat("\2", 32);
        $this->say(self::message('hello', $lane, ['v' => 1, 'nonce' => $nonce, 'max_body' => $maxBody, 'new' => 'key']));
        [$kind, $id, $head] = $this->hear();
        self::assertSame(['ready', $lane], [$kind, $id]);
        return $head;
    }

    /** Greets until it is answered: the first word may be for a connection that is just being closed. */
    private function greetAgain(string $lane): void
    {
        $hello = self::message('hello', $lane, ['v' => 1, 'nonce' => str_repeat("\2", 32), 'max_body' => 1000]);
        $this->inbox = [];
        $poll = new \ZMQPoll();
        $poll->add($this->results, \ZMQ::POLL_IN);
        Patience::until(function () use ($hello, $lane, $poll): bool {
            $this->say($hello);
            [$readable, $writable] = [[], []];
            return $poll->poll($readable, $writable, 200) > 0 && $this->results->recvMulti()[1] === $lane;
        }, 'a new connection');
    }

    private static function lane(int $number): string
    {
        return str_repeat(chr($number), 16);
    }

    /** @dataProvider kinds */
    public function testItIsReadyAndBeatsAtOnce(string $script): void
    {
        $this->start($script);
        $head = $this->greet(self::lane(1));
        self::assertSame([1, 256, 'anna'], [$head['slots'], $head['pack'], $head['name']]);
        self::assertContains('upper', $head['queues']);
        self::assertArrayNotHasKey('auth', $head);
        self::assertSame(['beat', self::lane(1), '', ''], $this->inbox[0] ?? $this->results->recvMulti());
    }

    /** @dataProvider kinds */
    public function testAHelloMakesWhatItHoldsVoid(string $script): void
    {
        $this->start($script);
        $this->greet(self::lane(1));
        $this->say(self::job(self::JOB, 'sleep', 3_600_000));
        $this->greet(self::lane(2));
        // The same job again is another run; what the void one may say is not heard.
        $this->say(self::job(self::JOB, 'upper', 'again'));
        self::assertSame(['done', self::JOB, [], '"AGAIN"'], self::plain($this->hear()));
    }

    /** @dataProvider kinds */
    public function testPackedMessagesAndWordsOutOfPlace(string $script): void
    {
        $this->start($script);
        $this->say(self::job(self::JOB, 'upper', 'too early'));
        $this->greet(self::lane(1));
        $this->say(
            self::message('cancel', self::OTHER),
            self::job(self::JOB, 'sleep', 3_600_000),
            self::job(self::JOB, 'upper', 'held already'),
            self::message('cancel', self::JOB),
        );
        [$kind, $id, $head] = $this->last();
        self::assertSame(['fail', self::JOB, 'cancelled'], [$kind, $id, $head['code']]);
        $this->say(self::job(self::OTHER, 'nobody-serves-this', 1));
        [$kind, $id, $head] = $this->hear();
        self::assertSame(['fail', self::OTHER, 'unknown_queue'], [$kind, $id, $head['code']]);
        $this->say(self::job(self::JOB, 'bytes', 1001));
        [, , $head] = $this->hear();
        self::assertSame('bad_result', $head['code']);
    }

    /** @dataProvider kinds */
    public function testAMalformedMessageBeginsTheConnectionAnew(string $script): void
    {
        $bad = [
            ['pause', self::JOB],
            ['job', 'short'],
            ['job', self::JOB, "\xc1"],
            ['cancel', self::JOB, '', '', 'a fifth frame'],
            self::message('hello', self::lane(9), ['v' => 2, 'nonce' => str_repeat("\2", 32), 'max_body' => 1]),
        ];
        $this->start($script);
        foreach ($bad as $i => $message) {
            $this->greetAgain(self::lane($i + 1));
            $this->say($message);
            Patience::until(
                fn () => substr_count($this->worker->said(), 'message is malformed') === $i + 1,
                "the worker's word on message $i",
            );
        }
        $this->greetAgain(self::lane(8));
        $this->say(self::job(self::JOB, 'upper', 'well'));
        self::assertSame('"WELL"', $this->last()[3]);
    }

    /** @dataProvider kinds */
    public function testItSaysByeAndTakesWhatWasOnItsWay(string $script): void
    {
        $this->start($script);
        $this->greet(self::lane(1));
        $this->say(self::job(self::JOB, 'sleep', 2000));
        $this->worker->waitFor('connected');
        $this->worker->signal(SIGTERM);
        self::assertSame(['bye', self::lane(1)], array_slice($this->hear(), 0, 2));
        $this->say(self::job(self::OTHER, 'upper', 'crossed'));
        $said = [$this->hear(), $this->hear()];
        self::assertEqualsCanonicalizing([self::JOB, self::OTHER], array_column($said, 1));
        self::assertSame(['done', 'done'], array_column($said, 0));
        self::assertSame(0, $this->worker->wait());
    }

    /** @dataProvider kinds */
    public function testAServerThatDrainsIsFollowedByTheNext(string $script): void
    {
        $this->start($script);
        $this->greet(self::lane(1));
        $this->say(self::job(self::JOB, 'upper', 'held'), self::message('bye', self::lane(1), ['reason' => 'we close']));
        self::assertSame('"HELD"', $this->hear()[3]);
        $this->greet(self::lane(2));
        self::assertStringContainsString('the server drains (we close)', $this->worker->said());
    }

    /** The next last word on a job. */
    private function last(): array
    {
        do {
            $message = $this->hear();
        } while (!in_array($message[0], ['done', 'fail'], true));
        return $message;
    }

    /** A `done` that says its type is as good as one that does not. */
    private static function plain(array $message): array
    {
        unset($message[2]['type']);
        return $message;
    }
}
