<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** SIGTERM and SIGINT: the first asks to stop, the second ends this process at once. Needs ext-pcntl. */
final class Signals
{
    private const NUMBERS = [SIGTERM, SIGINT];

    private bool $isTold = false;
    /** @var array<int, callable|int> what they did before */
    private array $before = [];
    private bool $wasAsync = false;

    public function isTold(): bool
    {
        return $this->isTold;
    }

    public function catch(): void
    {
        $this->wasAsync = pcntl_async_signals(true);
        foreach (self::NUMBERS as $number) {
            $this->before[$number] = pcntl_signal_get_handler($number);
            pcntl_signal($number, $this->told(...));
        }
    }

    /**
     * Does something that waits in ext-zmq. A signal ends such a wait with an exception, and PHP
     * loses a signal that it would handle while there is one: so it is handled after it.
     */
    public function during(\Closure $wait): void
    {
        pcntl_async_signals(false);
        $wait();
        pcntl_async_signals(true);
        pcntl_signal_dispatch();
    }

    public function release(): void
    {
        foreach ($this->before as $number => $handler) {
            pcntl_signal($number, $handler);
        }
        pcntl_async_signals($this->wasAsync);
    }

    private function told(int $number): void
    {
        if ($this->isTold) {
            pcntl_signal($number, SIG_DFL);
            posix_kill(posix_getpid(), $number);
        }
        $this->isTold = true;
    }
}
