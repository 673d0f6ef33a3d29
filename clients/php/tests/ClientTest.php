<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Client;
use Acequia\Client\CurlTransport;
use Acequia\Client\StreamTransport;
use Acequia\Client\Transport;
use Acequia\Exception\InvalidOption;
use Acequia\Exception\JobCancelled;
use Acequia\Exception\JobFailed;
use Acequia\Exception\NotEnded;
use Acequia\Exception\Refused;
use Acequia\Exception\Unreachable;
use Acequia\Tests\Harness\Patience;
use Acequia\Tests\Harness\Program;
use Acequia\Tests\Harness\Server;
use Acequia\Tests\Harness\Session;
use PHPUnit\Framework\TestCase;

/** The client, by curl and by streams, against the real server. */
final class ClientTest extends TestCase
{
    private static ?Server $server = null;
    private static ?Program $worker = null;

    public static function setUpBeforeClass(): void
    {
        self::$server = new Server('--payload-bytes', '100000');
        $env = self::$server->env() + ['ACEQUIA_SLOTS' => '2'];
        self::$worker = Program::php(__DIR__ . '/conduct.php', $env);
        self::$server->waitWorkers(1);
    }

    public static function tearDownAfterClass(): void
    {
        self::$worker = null;
        self::$server = null;
    }

    /** @return iterable<string, array{Transport}> */
    public static function transports(): iterable
    {
        yield 'curl' => [new CurlTransport()];
        yield 'streams' => [new StreamTransport()];
    }

    /** @dataProvider transports */
    public function testAJobFromItsSubmissionToItsResult(Transport $transport): void
    {
        $client = self::$server->client($transport);
        $job = $client->submit('upper', 'hello');
        self::assertSame('HELLO', $job->wait(Patience::SECONDS));
        $status = $job->status();
        self::assertSame(
            [$job->id, 'done', 'upper', 1, 'application/json'],
            [$status->job, $status->state, $status->queue, $status->attempt, $status->resultType],
        );
        self::assertSame('HELLO', $client->job($job->id)->wait(0));
        self::assertSame('HELLO', $client->submit('upper', 'hello', wait: Patience::SECONDS)->wait(0));
    }

    /** @dataProvider transports */
    public function testBytesGoAndComeAsTheyAre(Transport $transport): void
    {
        $bytes = random_bytes(50_000);
        $result = self::$server->client($transport)->submit('echo', $bytes, type: 'image/png')->result(Patience::SECONDS);
        self::assertSame(['image/png', true], [$result->type, $result->bytes === $bytes]);
    }

    /** @dataProvider transports */
    public function testWhatBecomesOfAJobThatIsNotDone(Transport $transport): void
    {
        $client = self::$server->client($transport);
        foreach ([Patience::SECONDS, 0] as $wait) {
            $failed = self::thrown(
                JobFailed::class,
                static fn () => $client->submit('throw', 'fail', attempts: 3, wait: $wait)->wait(Patience::SECONDS),
            );
            self::assertSame(
                ['no_image', 'not a picture', 1],
                [$failed->getCode(), $failed->getMessage(), $failed->attempt],
                'there is no second attempt of what is not worth it',
            );
        }
        $job = $client->submit('sleep', 3_600_000);
        self::assertSame('not_ended', self::thrown(NotEnded::class, static fn () => $job->wait(0.1))->getCode());
        self::assertTrue($job->cancel());
        self::assertTrue($job->cancel(), 'it is cancelled');
        self::assertSame($job->id, self::thrown(JobCancelled::class, static fn () => $job->wait(Patience::SECONDS))->job);
        $done = $client->submit('upper', 'a', wait: Patience::SECONDS);
        self::assertFalse($done->cancel());
    }

    /** @dataProvider transports */
    public function testTheOptionsOfAJob(Transport $transport): void
    {
        $client = self::$server->client($transport);
        $meta = $client->submit(
            'meta',
            null,
            timeoutMs: 5000,
            attempts: 2,
            priority: 9,
            ttlMs: 60_000,
            traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01',
        )->wait(Patience::SECONDS);
        self::assertSame(5000, $meta['timeout_ms']);
        self::assertStringStartsWith('00-4bf92f3577b34da6a3ce929d0e0e4736-', $meta['traceparent']);
        $later = $client->submit('upper', 'a', delayMs: 3_600_000, batch: 'a batch & more');
        self::assertSame('delayed', $later->status()->state);
        $refused = self::thrown(Refused::class, static fn () => $client->submit('upper', 'a', priority: 10));
        self::assertSame(['bad_request', 400], [$refused->getCode(), $refused->status]);
        self::assertStringContainsString('priority', $refused->getMessage());
    }

    /** @dataProvider transports */
    public function testTheSameKeyIsTheSameJob(Transport $transport): void
    {
        $client = self::$server->client($transport);
        $key = 'order "42" ' . bin2hex(random_bytes(4));
        $job = $client->submit('upper', 'a', key: $key);
        self::assertSame($job->id, $client->submit('upper', 'b', key: $key)->id);
        self::assertNotSame($client->submit('upper', 'a')->id, $client->submit('upper', 'a')->id);
        [$many] = $client->submitMany([['queue' => 'upper', 'payload' => 'c', 'key' => $key]]);
        self::assertSame($job->id, $many->id);
    }

    /** @dataProvider transports */
    public function testManyAtATime(Transport $transport): void
    {
        $jobs = self::$server->client($transport)->submitMany([
            ['queue' => 'upper', 'payload' => 'a'],
            ['queue' => 'upper', 'payload' => 'b', 'priority' => 77],
            ['queue' => 'echo', 'payload' => ['c' => 1]],
        ]);
        self::assertSame('A', $jobs[0]->wait(Patience::SECONDS));
        self::assertSame('bad_request', $jobs[1]->getCode());
        self::assertSame(['c' => 1], $jobs[2]->wait(Patience::SECONDS));
    }

    /** @dataProvider transports */
    public function testPublishing(Transport $transport): void
    {
        $client = self::$server->client($transport);
        $topic = 'news/über uns/' . bin2hex(random_bytes(4));
        $session = new Session(self::$server);
        $session->send(['op' => 'hello', 'v' => 1]);
        $session->send(['op' => 'subscribe', 'topic' => $topic]);
        Patience::until(fn () => $client->publish($topic, ['text' => 'früh']) === 1, 'the subscription');
        $event = $session->event('message');
        self::assertSame([$topic, ['text' => 'früh']], [$event['topic'], $event['data']]);
        $client->publish($topic, 'kept', retain: true, type: 'text/plain');
        $late = new Session(self::$server);
        $late->send(['op' => 'hello', 'v' => 1]);
        $late->send(['op' => 'subscribe', 'topic' => $topic]);
        self::assertSame('kept', $late->event('message')['data']);
    }

    /** @dataProvider transports */
    public function testRefusalsAreToldAsTheyAre(Transport $transport): void
    {
        $client = self::$server->client($transport, retries: 0);
        $large = self::thrown(Refused::class, static fn () => $client->submit('upper', str_repeat('x', 200_000)));
        self::assertSame(['too_large', 413], [$large->getCode(), $large->status]);
        $nobody = self::thrown(
            Refused::class,
            static fn () => $client->job('01938c2e-7a3b-7c4d-9e5f-60718293a4b5')->wait(0),
        );
        self::assertSame(['not_found', 404], [$nobody->getCode(), $nobody->status]);
        foreach (["a\r\nX-Other: b", "\0"] as $key) {
            self::thrown(InvalidOption::class, static fn () => $client->submit('upper', 'a', key: $key));
        }
        self::thrown(InvalidOption::class, static fn () => $client->submit('upper', "\xff"));
        self::thrown(InvalidOption::class, static fn () => $client->submit('upper', ['a'], type: 'text/plain'));
    }

    /** @dataProvider transports */
    public function testAServerThatIsFullIsAskedAgain(Transport $transport): void
    {
        $server = new Server('--client-jobs', '1');
        $first = $server->client($transport)->submit('nobody', 1);
        $refused = self::thrown(Refused::class, static fn () => $server->client($transport, retries: 0)->submit('nobody', 2));
        self::assertSame(['too_many_jobs', 429], [$refused->getCode(), $refused->status]);
        // Cancelled while the call is made again.
        $script = 'require $argv[1]; (new Acequia\Client("http://$argv[2]"))->job($argv[3])->cancel();';
        $cancel = new Program([PHP_BINARY, '-r', $script, '--', __DIR__ . '/../autoload.php', $server->http, $first->id]);
        $second = $server->client($transport, retries: 20)->submit('nobody', 2);
        self::assertNotSame($first->id, $second->id);
        self::assertSame(0, $cancel->wait());
    }

    /** @dataProvider transports */
    public function testASubmitOutlivesARestart(Transport $transport): void
    {
        $server = new Server();
        $server->client($transport)->submit('nobody', 1);
        $server->kill();
        $unreachable = self::thrown(Unreachable::class, static fn () => $server->client($transport, retries: 1)->submit('nobody', 1));
        self::assertStringContainsString($server->http, $unreachable->getMessage());
        // It is started while the call is made again.
        $script = 'posix_kill((int) $argv[1], SIGUSR1);';
        $isTold = false;
        pcntl_async_signals(true);
        pcntl_signal(SIGUSR1, static function () use ($server, &$isTold): void {
            $isTold = true;
            $server->start();
        });
        $start = new Program([PHP_BINARY, '-r', $script, '--', (string) getmypid()]);
        $job = $server->client($transport, retries: 20)->submit('nobody', 2);
        self::assertTrue($isTold);
        self::assertSame('waiting', $job->status()->state);
        self::assertSame(0, $start->wait());
        pcntl_signal(SIGUSR1, SIG_DFL);
    }

    public function testTokensAreForThoseWhoNeedThem(): void
    {
        $file = tempnam(sys_get_temp_dir(), 'acequia-jwt');
        file_put_contents($file, $secret = bin2hex(random_bytes(32)));
        $server = new Server('--client-auth', 'jwt', '--jwt-secret-file', $file);
        $refused = self::thrown(Refused::class, static fn () => $server->client(retries: 0)->submit('nobody', 1));
        self::assertSame(['unauthorized', 401], [$refused->getCode(), $refused->status]);
        $part = static fn (array $keys) => rtrim(strtr(base64_encode(json_encode($keys)), '+/', '-_'), '=');
        $signed = $part(['alg' => 'HS256']) . '.' . $part(['sub' => 'anna', 'exp' => time() + 600]);
        $mac = rtrim(strtr(base64_encode(hash_hmac('sha256', $signed, $secret, true)), '+/', '-_'), '=');
        $client = new Client("http://$server->http", token: "$signed.$mac");
        self::assertSame('waiting', $client->submit('nobody', 1)->status()->state);
        unlink($file);
    }

    public function testOptionsThatCannotBe(): void
    {
        self::thrown(InvalidOption::class, static fn () => new Client('127.0.0.1:8080'));
        self::thrown(InvalidOption::class, static fn () => new Client(timeout: 0));
        self::thrown(InvalidOption::class, static fn () => new Client(retries: -1));
    }

    public function testTheServerIsFoundInTheEnvironment(): void
    {
        putenv('ACEQUIA_SERVER=http://' . self::$server->http . '/');
        try {
            self::assertSame('HELLO', (new Client())->submit('upper', 'hello')->wait(Patience::SECONDS));
        } finally {
            putenv('ACEQUIA_SERVER');
        }
    }

    /**
     * @template T of \Throwable
     * @param class-string<T> $class
     * @return T
     */
    private static function thrown(string $class, callable $call): \Throwable
    {
        try {
            $call();
        } catch (\Throwable $error) {
            self::assertSame($class, $error::class, $error->getMessage());
            return $error;
        }
        self::fail("no $class was thrown");
    }
}
