<?php

declare(strict_types=1);

namespace Acequia\React;

use Acequia\Exception\InvalidOption;
use Acequia\Worker\Connection;
use Acequia\Worker\Options;
use Acequia\Worker\Serving;
use React\EventLoop\Factory;
use React\EventLoop\Loop;
use React\EventLoop\LoopInterface;
use React\Promise\Deferred;
use React\Promise\PromiseInterface;

/**
 * A worker inside a ReactPHP loop, whose handlers may return promises.
 *
 *     $worker = new Worker(slots: 100);
 *     $worker->queue('fetch', fn (Job $job) => $browser->get($job->json())->then(…));
 *     $worker->run();
 *
 * All jobs share the loop, and so do the beats that tell the server that the worker lives: a
 * handler that blocks for longer than the server's lease (15 seconds) loses its jobs. Work that
 * computes or blocks is for {@see \Acequia\Worker}.
 */
final class Worker extends Serving
{
    private const SIGNALS = [15, 2];

    private readonly LoopInterface $loop;
    /** @var list<Driver> */
    private array $drivers = [];
    private int $living = 0;
    private ?Deferred $stopped = null;

    /**
     * @param ?LoopInterface $loop else the default loop
     * @param mixed ...$options by name, as those of {@see \Acequia\Worker}: jobs, results, slots, name,
     *     token, tokenFile, pack, grace, cancelGrace, beat, logger
     * @throws InvalidOption
     */
    public function __construct(?LoopInterface $loop = null, mixed ...$options)
    {
        // Before its version 1.2 there was no default loop.
        $this->loop = $loop ?? (class_exists(Loop::class) ? Loop::get() : Factory::create());
        parent::__construct(new Options(...$options));
    }

    /**
     * Begins to work; the loop is run by the caller.
     *
     * @throws InvalidOption if it serves no queue
     */
    public function start(): void
    {
        $this->options->queues();
        if ($this->drivers !== []) {
            throw new \LogicException('the worker has been started already');
        }
        $context = new \ZMQContext(1, false);
        foreach ($this->options->servers as $server) {
            $this->living++;
            $driver = $this->drivers[] = new Driver($this->loop, $this->over(...));
            $crew = new LoopCrew($this->options, $this->loop, $driver->wake(...), $driver->flush(...));
            $driver->attach(new Connection($this->options, $server, $context, $crew, $this->options->beat));
        }
    }

    /**
     * Takes no more jobs. Resolves once those that are held are finished, or the grace time is over.
     *
     * @return PromiseInterface<null>
     */
    public function stop(): PromiseInterface
    {
        if ($this->stopped === null) {
            $this->stopped = new Deferred();
            $this->living === 0 && $this->stopped->resolve(null);
            // Not at once: a signal may have come in the middle of anything.
            $this->loop->futureTick(function (): void {
                array_map(static fn (Driver $driver) => $driver->leave(), $this->drivers);
            });
        }
        return $this->stopped->promise();
    }

    /**
     * Starts, runs the loop, and stops on SIGTERM or SIGINT (with ext-pcntl); a second one ends the
     * process at once.
     */
    public function run(): void
    {
        $this->start();
        $told = function (int $number) use (&$told): void {
            if ($this->stopped !== null) {
                $this->loop->removeSignal($number, $told);
                posix_kill(getmypid(), $number);
                return;
            }
            $this->stop()->then($this->loop->stop(...));
        };
        $catches = function_exists('pcntl_signal') && function_exists('posix_kill');
        foreach ($catches ? self::SIGNALS : [] as $number) {
            $this->loop->addSignal($number, $told);
        }
        $this->loop->run();
        foreach ($catches ? self::SIGNALS : [] as $number) {
            $this->loop->removeSignal($number, $told);
        }
    }

    private function over(): void
    {
        if (--$this->living === 0) {
            $this->stopped?->resolve(null);
        }
    }
}
