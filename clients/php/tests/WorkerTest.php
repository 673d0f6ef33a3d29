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

/** Workers whose jobs have processes of their own, against the real server. */
final class WorkerTest extends TestCase
{
    private Server $server;
    private Client $client;
    /** It is killed when nobody holds it. */
    private ?Program $worker = null;

    protected function tearDown(): void
    {
        $this->worker = null;
        unset($this->server);
    }

    protected function setUp(): void
    {
        $this->server = new Server();
        $this->client = $this->server->client();
    }

    /** @param array<string, string> $env */
    private function hazards(int $slots = 1, array $env = []): Program
    {
        $env += $this->server->env() + ['ACEQUIA_SLOTS' => (string) $slots];
        $this->worker = Program::php(__DIR__ . '/Workers/hazards.php', $env);
        $this->server->waitWorkers(1);
        return $this->worker;
    }

    private function failure(string $queue, mixed $payload = null): JobFailed
    {
        try {
            $result = $this->client->submit($queue, $payload)->wait(Patience::SECONDS);
        } catch (JobFailed $failed) {
            return $failed;
        }
        self::fail("`$queue` did not fail, and returned " . json_encode($result));
    }

    /** Submits a job that says a note once it runs, and waits for that. @return array{string, string} id and note */
    private function begun(Session $session, string $queue, mixed $payload = null): array
    {
        $session->send(['op' => 'submit', 'id' => 1, 'queue' => $queue, 'payload' => $payload]);
        $event = $session->event('progress');
        return [$event['job'], $event['note']];
    }

    private function session(): Session
    {
        $session = new Session($this->server);
        $session->send(['op' => 'hello', 'v' => 1]);
        return $session;
    }

    public function testAsManyJobsRunAtATimeAsThereAreSlots(): void
    {
        $worker = $this->hazards(slots: 3);
        $place = sys_get_temp_dir() . '/acequia-meet-' . bin2hex(random_bytes(6));
        mkdir($place);
        try {
            $payload = ['place' => $place, 'count' => 3];
            $jobs = array_map(fn () => $this->client->submit('meet', $payload), range(1, 3));
            $pids = array_map(fn ($job) => $job->wait(Patience::SECONDS), $jobs);
        } finally {
            array_map(unlink(...), glob("$place/*"));
            rmdir($place);
        }
        self::assertCount(3, array_unique($pids));
        self::assertNotContains($worker->pid, $pids);
    }

    public function testAProcessRunsOneJobAfterTheOtherAndBootsOnce(): void
    {
        $this->hazards();
        $first = $this->client->submit('pid', null)->wait(Patience::SECONDS);
        self::assertSame(1, $first['booted']);
        self::assertSame($first, $this->client->submit('pid', null)->wait(Patience::SECONDS));
    }

    public function testAHandlerThatEndsItsProcessCostsItsOwnJobOnly(): void
    {
        $worker = $this->hazards();
        $before = $this->client->submit('pid', null)->wait(Patience::SECONDS)['pid'];
        $failed = $this->failure('exit', 3);
        self::assertSame(['exit_3', 'the process of its handler ended itself with exit code 3'],
            [$failed->getCode(), $failed->getMessage()]);
        self::assertSame('exit_0', $this->failure('exit', 0)->getCode());
        self::assertSame('signal_11', $this->failure('segfault')->getCode());
        $failed = $this->failure('memory');
        self::assertSame('worker_panic', $failed->getCode());
        self::assertStringContainsString('Allowed memory size', $failed->getMessage());
        self::assertNotSame($before, $this->client->submit('pid', null)->wait(Patience::SECONDS)['pid']);
        self::assertTrue($worker->isAlive());
        self::assertSame(1.0, $this->server->metric('acequia_workers'), 'the lane is the same');
    }

    public function testAResultThatCannotBeSentIsAFailure(): void
    {
        $this->hazards();
        $failed = $this->failure('not_json');
        self::assertSame('bad_result', $failed->getCode());
        self::assertStringContainsString('UTF-8', $failed->getMessage());
        $failed = $this->failure('large', 9 << 20);
        self::assertSame('bad_result', $failed->getCode());
        self::assertStringContainsString('9437184 bytes, and the server takes at most 8388608', $failed->getMessage());
        $large = $this->client->submit('large', 8 << 20)->result(Patience::SECONDS);
        self::assertSame(8 << 20, strlen($large->bytes));
    }

    public function testAHandlerThatHangsIsEndedOnceItsJobIsCancelled(): void
    {
        $this->hazards(env: ['HAZARD_CANCEL_GRACE' => '0.1']);
        [$job, $note] = $this->begun($this->session(), 'hang_with_a_child');
        $pid = (int) substr($note, 4);
        self::assertTrue(Program::runs($pid));
        self::assertTrue($this->client->job($job)->cancel());
        // The one slot is free again only if the hanging process is gone.
        self::assertSame(1, $this->client->submit('pid', null)->wait(Patience::SECONDS)['booted']);
        Patience::until(fn () => !Program::runs($pid), 'the end of what the handler has started');
    }

    public function testAHandlerThatHangsDoesNotStopTheBeats(): void
    {
        unset($this->client);
        $this->server = new Server('--lease-s', '1');
        $this->client = $this->server->client();
        $this->worker = Program::php(__DIR__ . '/Workers/beats.php', $this->server->env());
        $this->server->waitWorkers(1);
        $job = $this->client->submit('hang', null);
        self::assertFalse($job->status(3)->hasEnded(), 'three leases later');
        $status = $job->status();
        self::assertSame(['running', 1], [$status->state, $status->attempt]);
    }

    public function testCancellationReachesTheHandler(): void
    {
        $this->hazards();
        $session = $this->session();
        $session->send(['op' => 'subscribe', 'topic' => 'heard']);
        [$job] = $this->begun($session, 'on_cancel');
        self::assertTrue($this->client->job($job)->cancel());
        self::assertSame($job, $session->event('message')['data']);
    }

    public function testAFloodOfChunksWaitsForTheServer(): void
    {
        $this->hazards();
        $peak = $this->client->submit('flood', 2000)->wait(Patience::SECONDS);
        self::assertLessThan(32 << 20, $peak);
    }

    public function testItFinishesWhatItHoldsAndEnds(): void
    {
        $worker = $this->hazards();
        $this->client->submit('pid', null)->wait(Patience::SECONDS);
        $family = $worker->family();
        self::assertCount(2, $family, 'one that forks, and one that ran the job');
        $file = tempnam(sys_get_temp_dir(), 'acequia');
        unlink($file);
        $session = $this->session();
        $this->begun($session, 'wait_for_file', $file);
        $worker->signal(SIGTERM);
        $worker->waitFor('stopping');
        touch($file);
        self::assertSame('there it is', $session->event('done')['result']);
        self::assertSame(0, $worker->wait());
        unlink($file);
        self::assertSame([], array_filter($family, Program::runs(...)));
        self::assertSame(1, substr_count($worker->said(), 'the script ends'), $worker->said());
    }

    public function testTheGraceTimeHasAnEnd(): void
    {
        $worker = $this->hazards(env: ['HAZARD_GRACE' => '0.1']);
        [, $note] = $this->begun($this->session(), 'hang');
        $worker->signal(SIGINT);
        self::assertSame(0, $worker->wait());
        self::assertStringContainsString('grace time is over', $worker->said());
        Patience::until(fn () => !Program::runs((int) substr($note, 4)), 'the end of the handler');
    }

    public function testASecondSignalEndsItAtOnce(): void
    {
        $worker = $this->hazards();
        [, $note] = $this->begun($this->session(), 'hang');
        $worker->signal(SIGTERM);
        $worker->waitFor('stopping');
        $worker->signal(SIGTERM);
        self::assertSame(-SIGTERM, $worker->wait());
        Patience::until(fn () => !Program::runs((int) substr($note, 4)), 'the end of the handler');
    }

    public function testNothingIsLeftOfAWorkerThatIsKilled(): void
    {
        $worker = $this->hazards();
        [, $note] = $this->begun($this->session(), 'hang_with_a_child');
        $family = [...$worker->family(), (int) substr($note, 4)];
        self::assertGreaterThan(3, count($family));
        $worker->signal(SIGKILL);
        Patience::until(fn () => array_filter($family, Program::runs(...)) === [], 'the end of all its processes');
    }

    public function testItSaysSoAndEndsIfItCanForkNoMore(): void
    {
        $worker = $this->hazards();
        $this->client->submit('pid', null)->wait(Patience::SECONDS);
        posix_kill($worker->family()[0], SIGKILL);
        self::assertSame(255, $worker->wait());
        self::assertStringContainsString('was killed; start the worker again', $worker->said());
    }

    public function testAJobIsKilledWithItsProcessByAnOperator(): void
    {
        $this->hazards();
        $session = $this->session();
        [, $note] = $this->begun($session, 'hang');
        posix_kill((int) substr($note, 4), SIGKILL);
        $failed = $session->event('failed');
        self::assertSame('signal_9', $failed['code']);
        self::assertStringContainsString('was killed by signal 9', $failed['message']);
    }

    public function testServersComeAndGo(): void
    {
        $worker = $this->hazards(env: ['HAZARD_CANCEL_GRACE' => '0.1']);
        $this->client->submit('pid', null)->wait(Patience::SECONDS);
        [, $note] = $this->begun($this->session(), 'hang');
        $this->server->kill();
        $before = $worker->cpu();
        sleep(2); // not a wait for anything: the time in which it must do next to nothing
        self::assertLessThan(0.1, $worker->cpu() - $before);
        $this->server->start();
        // The hanging run is void: its process makes room.
        self::assertSame(1, $this->client->submit('pid', null)->wait(Patience::SECONDS)['booted']);
        self::assertFalse(Program::runs((int) substr($note, 4)));
        self::assertSame(0, $worker->stop());
    }

    public function testWhatAServerWantedThatIsGoneHoldsNothingUp(): void
    {
        $worker = $this->hazards(env: ['HAZARD_CANCEL_GRACE' => '0.1', 'HAZARD_GRACE' => '3600']);
        $this->begun($this->session(), 'hang');
        $this->server->kill();
        self::assertSame(0, $worker->stop());
    }

    public function testItServesSeveralServersAndProvesItsToken(): void
    {
        $file = tempnam(sys_get_temp_dir(), 'acequia-token');
        file_put_contents($file, " a worker token of some length, and more\n");
        $servers = [new Server('--worker-token-file', $file), new Server('--worker-token-file', $file)];
        $env = array_map(static fn (string ...$both) => implode(',', $both), $servers[0]->env(), $servers[1]->env());
        $env = array_combine(array_keys($servers[0]->env()), $env) + ['ACEQUIA_WORKER_TOKEN_FILE' => $file];
        $worker = Program::php(__DIR__ . '/Workers/hazards.php', $env);
        $pids = array_map(
            static fn (Server $server) => $server->client()->submit('pid', null)->wait(Patience::SECONDS)['pid'],
            $servers,
        );
        self::assertCount(2, array_unique($pids), 'each has slots of its own');
        $servers[0]->kill();
        foreach (range(1, 20) as $_) {
            // In turn, so that the worker has to be woken for each.
            self::assertSame($pids[1], $servers[1]->client()->submit('pid', null)->wait(Patience::SECONDS)['pid']);
        }
        self::assertSame($pids[1], $servers[1]->client()->submit('pid', null)->wait(Patience::SECONDS)['pid']);
        self::assertSame(0, $worker->stop());
        unlink($file);
    }

    public function testAWrongTokenIsHintedAt(): void
    {
        $file = tempnam(sys_get_temp_dir(), 'acequia-token');
        file_put_contents($file, 'a worker token of some length, and more');
        $server = new Server('--worker-token-file', $file);
        $worker = Program::php(__DIR__ . '/Workers/hazards.php', $server->env());
        $hint = 'see whether the server asks for another worker token';
        $worker->waitFor($hint);
        self::assertStringContainsString($hint, $worker->said());
        unlink($file);
    }

    public function testAPoolRunsIt(): void
    {
        $runtime = (new \ReflectionProperty($this->server, 'runtime'))->getValue($this->server);
        $pool = new Program(
            [Server::binary(), 'pool', '--server', "http://{$this->server->http}", '--queue', 'pid', '--max', '1', '--slots', '2',
                '--idle-s', '1', '--', PHP_BINARY, __DIR__ . '/Workers/hazards.php'],
            ['XDG_RUNTIME_DIR' => $runtime],
        );
        self::assertSame(1, $this->client->submit('pid', null)->wait(Patience::SECONDS)['booted']);
        Patience::until(fn () => $this->server->metric('acequia_workers') === 0.0, 'the pool to stop it');
        self::assertSame(0, $pool->stop());
    }

    public function testWhatAHandlerPrintsIsPrinted(): void
    {
        $worker = $this->hazards();
        self::assertSame('after_output', $this->failure('echo_to_stdout')->getCode());
        $worker->stop();
        self::assertStringContainsString('a word on standard output', $worker->said());
    }
}
