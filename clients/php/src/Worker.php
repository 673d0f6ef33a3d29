<?php

declare(strict_types=1);

namespace Acequia;

use Acequia\Exception\InvalidOption;
use Acequia\Forked\ForkedGang;
use Acequia\Worker\InProcess;
use Acequia\Worker\Loop;
use Acequia\Worker\Options;
use Acequia\Worker\Serving;
use Acequia\Worker\Signals;
use Psr\Log\LoggerInterface;

/**
 * A worker: where its servers are, and what it does for which queue.
 *
 *     $worker = new Worker(slots: 4);
 *     $worker->queue('upper', fn (Job $job) => strtoupper($job->json()));
 *     $worker->run();
 *
 * Each slot is a process of its own, forked when it is needed, which runs one job after the other.
 * What was opened before {@see run()} is shared by all of them, so open connections to databases
 * in {@see boot()}, or in the handler. A handler that hangs, exits, or uses up its memory costs its
 * own job and no other.
 */
final class Worker extends Serving
{
    private ?\Closure $boot = null;
    private readonly bool $isolate;

    /**
     * What is `null` is taken from the environment.
     *
     * @param string|list<string>|null $jobs `ACEQUIA_JOBS`, else tcp://127.0.0.1:5557. Several servers are
     *     a list, or a text with commas; each has a connection, and slots, of its own
     * @param string|list<string>|null $results `ACEQUIA_RESULTS`, else tcp://127.0.0.1:5558
     * @param ?int $slots `ACEQUIA_SLOTS`, else 1: how many jobs it holds at a time
     * @param ?string $name `ACEQUIA_NAME`, else the script's name and the process id: what people call it
     * @param ?string $token the worker token, where the server asks for one
     * @param ?string $tokenFile `ACEQUIA_WORKER_TOKEN_FILE`: where the token is
     * @param int $pack most messages that it takes in one ZeroMQ message
     * @param float $grace seconds for what is held, once told to stop
     * @param float $cancelGrace seconds for the handler of a cancelled job, after which its process is killed
     * @param float $beat the longest silence while jobs are held, in seconds; below the server's lease
     * @param ?bool $isolate false: one job at a time in this very process, and no beats. `null`: only
     *     where ext-pcntl or ext-posix is missing
     * @param ?LoggerInterface $logger else standard error
     * @throws InvalidOption
     */
    public function __construct(
        string|array|null $jobs = null,
        string|array|null $results = null,
        ?int $slots = null,
        ?string $name = null,
        #[\SensitiveParameter] ?string $token = null,
        ?string $tokenFile = null,
        int $pack = Options::PACK,
        float $grace = Options::GRACE_S,
        float $cancelGrace = Options::CANCEL_GRACE_S,
        float $beat = Options::BEAT_S,
        ?bool $isolate = null,
        ?LoggerInterface $logger = null,
    ) {
        $canFork = function_exists('pcntl_fork') && function_exists('posix_kill');
        if ($isolate === true && !$canFork) {
            throw new InvalidOption('`isolate` needs the extensions pcntl and posix; install them, or do without');
        }
        $this->isolate = $isolate ?? $canFork;
        if (!$this->isolate && $slots !== null && $slots !== 1) {
            throw new InvalidOption(
                "a worker of $slots slots needs a process for each: install the extensions pcntl and posix and leave "
                . '`isolate` out, or give it one slot'
            );
        }
        // A pool may ask for more than this process can do.
        $slots = $this->isolate ? $slots : 1;
        parent::__construct(new Options(
            $jobs, $results, $slots, $name, $token, $tokenFile, $pack, $grace, $cancelGrace, $beat, $logger,
        ));
    }

    /**
     * Does something in each process that runs jobs, before its first job: opens a database, loads a
     * model. If it throws, the job fails, and the next job tries again.
     *
     * @param callable(): mixed $boot
     * @return $this
     */
    public function boot(callable $boot): static
    {
        $this->boot = $boot(...);
        return $this;
    }

    /**
     * Works until SIGTERM or SIGINT comes: then it takes no more jobs, finishes those that it holds
     * within the grace time, and returns. A second signal ends the process at once. Without
     * ext-pcntl the first does.
     *
     * A server that is not there or goes is dialled again for ever.
     *
     * @throws InvalidOption if it serves no queue
     * @throws Exception\WorkerDied if it cannot go on
     */
    public function run(): void
    {
        $this->options->queues();
        $signals = function_exists('pcntl_signal') && function_exists('posix_kill') ? new Signals() : null;
        $this->isolate ? $this->runForked($signals ?? new Signals()) : $this->runHere($signals);
    }

    private function runForked(Signals $signals): void
    {
        $gang = new ForkedGang($this->options, $this->boot);
        $signals->catch();
        try {
            (new Loop($this->options, $gang, $signals, $this->options->beat))->run();
        } finally {
            $signals->release();
            $gang->end();
        }
    }

    private function runHere(?Signals $signals): void
    {
        $this->options->log->info('one job at a time, in this process; a handler that hangs is not noticed by the server');
        if ($this->boot !== null) {
            ($this->boot)();
        }
        $crew = new InProcess($this->options);
        $signals?->catch();
        try {
            $loop = new Loop($this->options, $crew, $signals, null);
            $crew->attach($loop);
            $loop->run();
        } finally {
            $signals?->release();
        }
    }
}
