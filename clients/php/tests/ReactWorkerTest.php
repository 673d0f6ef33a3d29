<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Client;
use Acequia\Exception\JobFailed;
use Acequia\Tests\Harness\Patience;
use Acequia\Tests\Harness\Program;
use Acequia\Tests\Harness\Server;
use Acequia\Tests\Harness\Session;
use PHPUnit\Framework\TestCase;

/** Workers in a ReactPHP loop, against the real server. */
final class ReactWorkerTest extends TestCase
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

    /** @param array<string, string> $env */
    private function start(int $slots = 1, array $env = []): Program
    {
        $env += $this->server->env() + ['ACEQUIA_SLOTS' => (string) $slots];
        $this->worker = Program::php(__DIR__ . '/Workers/react_hazards.php', $env);
        $this->server->waitWorkers(1);
        return $this->worker;
    }

    private function begun(Session $session, string $queue): string
    {
        $session->send(['op' => 'submit', 'id' => 1, 'queue' => $queue, 'payload' => null]);
        return $session->event('progress')['job'];
    }

    private function session(): Session
    {
        $session = new Session($this->server);
        $session->send(['op' => 'hello', 'v' => 1]);
        $session->send(['op' => 'subscribe', 'topic' => 'heard']);
        return $session;
    }

    public function testJobsWaitForOneAnotherInOneProcess(): void
    {
        $this->start(slots: 50);
        $jobs = array_map(fn () => $this->client->submit('meet', 50), range(1, 50));
        $places = array_map(static fn ($job) => $job->wait(Patience::SECONDS), $jobs);
        sort($places);
        self::assertSame(range(0, 49), $places);
    }

    public function testARejectedPromiseIsAFailure(): void
    {
        $this->start();
        $this->expectException(JobFailed::class);
        $this->expectExceptionMessage('grüße');
        $this->client->submit('reject', 'grüße')->wait(Patience::SECONDS);
    }

    public function testACancelledPromiseIsCancelled(): void
    {
        $this->start();
        $session = $this->session();
        $job = $this->begun($session, 'cancel_promise');
        self::assertTrue($this->client->job($job)->cancel());
        self::assertSame($job, $session->event('message')['data']);
        self::assertIsInt($this->client->submit('ticks', null)->wait(Patience::SECONDS), 'the slot is free');
    }

    public function testAHandlerThatDoesNotHeedItsCancellationGivesItsSlotBack(): void
    {
        $this->start(env: ['HAZARD_CANCEL_GRACE' => '0.1']);
        $job = $this->begun($this->session(), 'never');
        self::assertTrue($this->client->job($job)->cancel());
        self::assertIsInt($this->client->submit('ticks', null)->wait(Patience::SECONDS));
    }

    public function testTheLoopGoesOn(): void
    {
        $this->start();
        $before = $this->client->submit('ticks', null)->wait(Patience::SECONDS);
        Patience::until(fn () => $this->client->submit('ticks', null)->wait(Patience::SECONDS) > $before, 'other timers');
        self::assertTrue($this->worker->isAlive());
    }

    public function testWhoSaysMoreThanTheConnectionTakesIsTold(): void
    {
        $this->start();
        try {
            $this->client->submit('flood', 20_000)->wait(Patience::SECONDS);
            self::fail('a loop that never turns cannot have sent all that');
        } catch (JobFailed $failed) {
            self::assertSame('congested', $failed->getCode());
        }
        self::assertIsInt($this->client->submit('ticks', null)->wait(Patience::SECONDS));
    }

    public function testServersComeAndGoWithoutASpin(): void
    {
        $worker = $this->start();
        $this->begun($this->session(), 'never');
        $this->server->kill();
        $before = $worker->cpu();
        sleep(2); // not a wait for anything: the time in which it must do next to nothing
        // Its own timer of a millisecond is most of that.
        self::assertLessThan(0.3, $worker->cpu() - $before);
        $this->server->start();
        self::assertIsInt($this->client->submit('ticks', null)->wait(Patience::SECONDS), 'what was held is void');
        self::assertSame(0, $worker->stop());
    }

    public function testItFinishesWhatItHoldsAndEnds(): void
    {
        $worker = $this->start(slots: 2);
        $first = $this->client->submit('meet', 2);
        Patience::until(fn () => $first->status()->state === 'running', 'the first');
        $second = $this->client->submit('meet', 2);
        self::assertSame([0, 1], [$first->wait(Patience::SECONDS), $second->wait(Patience::SECONDS)]);
        $this->begun($this->session(), 'never');
        $worker->signal(SIGTERM);
        $worker->waitFor('stopping');
        $worker->signal(SIGTERM);
        self::assertSame(-SIGTERM, $worker->wait(), 'the second signal ends it at once');
    }

    public function testTheGraceTimeHasAnEnd(): void
    {
        $worker = $this->start(env: ['HAZARD_GRACE' => '0.1']);
        $this->begun($this->session(), 'never');
        self::assertSame(0, $worker->stop());
        self::assertStringContainsString('grace time is over', $worker->said());
    }
}
