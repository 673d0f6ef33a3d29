<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Client;
use Acequia\Exception\InvalidOption;
use Acequia\Tests\Harness\Patience;
use Acequia\Tests\Harness\Program;
use Acequia\Tests\Harness\Server;
use Acequia\Tests\Harness\Session;
use Acequia\Worker;
use PHPUnit\Framework\TestCase;

/** Workers that run one job at a time in their own process, with and without ext-pcntl. */
final class InProcessTest extends TestCase
{
    private Server $server;
    private Client $client;
    private ?Program $worker = null;

    protected function setUp(): void
    {
        $this->server = new Server();
        $this->client = $this->server->client();
    }

    protected function tearDown(): void
    {
        $this->worker = null;
        unset($this->server);
    }

    private function start(string ...$flags): Program
    {
        $env = $this->server->env() + ['HAZARD_ISOLATE' => 'no'];
        $this->worker = Program::php(__DIR__ . '/Workers/hazards.php', $env, ...$flags);
        $this->server->waitWorkers(1);
        return $this->worker;
    }

    public function testAllJobsRunInTheWorkersOwnProcess(): void
    {
        $worker = $this->start();
        $jobs = array_map(fn () => $this->client->submit('pid', null), range(1, 5));
        foreach ($jobs as $job) {
            self::assertSame(['pid' => $worker->pid, 'booted' => 1], $job->wait(Patience::SECONDS));
        }
        self::assertSame([], $worker->family());
        self::assertSame(0, $worker->stop());
    }

    public function testAHandlerHearsOfItsCancellationWhenItAsks(): void
    {
        $this->start();
        $session = new Session($this->server);
        $session->send(['op' => 'hello', 'v' => 1]);
        $session->send(['op' => 'subscribe', 'topic' => 'heard']);
        $session->send(['op' => 'submit', 'id' => 1, 'queue' => 'on_cancel', 'payload' => null]);
        $job = $session->event('progress')['job'];
        self::assertTrue($this->client->job($job)->cancel());
        self::assertSame($job, $session->event('message')['data']);
        self::assertSame(1, $this->client->submit('pid', null)->wait(Patience::SECONDS)['booted']);
    }

    public function testAFloodOfChunksWaitsForTheServer(): void
    {
        $this->start();
        $peak = $this->client->submit('flood', 2000)->wait(Patience::SECONDS);
        self::assertLessThan(32 << 20, $peak);
    }

    public function testAJobThatEndsTheProcessRunsElsewhere(): void
    {
        $worker = $this->start();
        $job = $this->client->submit('exit', 7);
        self::assertSame(7, $worker->wait());
        Patience::until(fn () => $job->status()->state === 'waiting', 'its return to the queue');
        self::assertFalse($job->status()->hasEnded());
    }

    public function testItNeedsNoPcntl(): void
    {
        $functions = array_merge(get_extension_funcs('pcntl'), get_extension_funcs('posix'));
        $worker = $this->start('-d', 'disable_functions=' . implode(',', $functions));
        self::assertSame($worker->pid, $this->client->submit('pid', null)->wait(Patience::SECONDS)['pid']);
        self::assertSame(-SIGTERM, $worker->stop());
    }

    public function testSlotsNeedProcesses(): void
    {
        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage('4 slots needs a process for each');
        new Worker(slots: 4, isolate: false);
    }
}
