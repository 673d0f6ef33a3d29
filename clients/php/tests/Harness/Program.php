<?php

declare(strict_types=1);

namespace Acequia\Tests\Harness;

/** A child process. What it says is kept in a file. */
final class Program
{
    /** @var resource */
    private $process;
    private readonly string $said;
    private ?int $exit = null;
    public readonly int $pid;

    /**
     * @param list<string> $command
     * @param array<string, string> $env
     */
    public function __construct(array $command, array $env = [], ?string $cwd = null)
    {
        $this->said = tempnam(sys_get_temp_dir(), 'acequia-said-');
        $to = ['file', $this->said, 'a'];
        $this->process = proc_open($command, [['file', '/dev/null', 'r'], $to, $to], $pipes, $cwd, $env + getenv());
        $this->pid = $this->status()['pid'];
    }

    /** A script of PHP. @param array<string, string> $env */
    public static function php(string $script, array $env = [], string ...$flags): self
    {
        return new self([PHP_BINARY, ...$flags, $script], $env);
    }

    public function said(): string
    {
        return (string) file_get_contents($this->said);
    }

    public function waitFor(string $text): void
    {
        Patience::until(fn () => str_contains($this->said(), $text) || !$this->isAlive(), "`$text`");
        if (!str_contains($this->said(), $text)) {
            throw new \RuntimeException("it ended without saying `$text`: {$this->said()}");
        }
    }

    public function isAlive(): bool
    {
        return $this->status()['running'];
    }

    public function signal(int $number): void
    {
        posix_kill($this->pid, $number);
    }

    /** Waits for its end. Its exit code, or minus the signal that ended it. */
    public function wait(): int
    {
        Patience::until(fn () => !$this->isAlive(), "the end of the process $this->pid");
        return $this->exit;
    }

    public function stop(): int
    {
        $this->signal(SIGTERM);
        return $this->wait();
    }

    public function kill(): void
    {
        $this->isAlive() && $this->signal(SIGKILL);
        $this->wait();
    }

    /** @return list<int> the pids of its children and theirs */
    public function family(): array
    {
        $found = $next = [$this->pid];
        while ($next !== []) {
            $pid = array_shift($next);
            $children = @file_get_contents("/proc/$pid/task/$pid/children") ?: '';
            $pids = array_map(intval(...), array_filter(explode(' ', $children)));
            array_push($found, ...$pids);
            array_push($next, ...$pids);
        }
        return array_slice($found, 1);
    }

    /** The processor time that it has used, in seconds. */
    public function cpu(): float
    {
        $fields = explode(' ', substr(strrchr(file_get_contents("/proc/$this->pid/stat"), ')'), 2));
        return ($fields[11] + $fields[12]) / 100;
    }

    /** Whether a process runs; one that is dead and not buried does not. */
    public static function runs(int $pid): bool
    {
        $stat = @file_get_contents("/proc/$pid/stat");
        return $stat !== false && substr(strrchr($stat, ')'), 2, 1) !== 'Z';
    }

    public function __destruct()
    {
        $family = $this->isAlive() ? $this->family() : [];
        $this->kill();
        foreach ($family as $pid) {
            posix_kill($pid, SIGKILL);
        }
        @unlink($this->said);
    }

    /** @return array<string, mixed> */
    private function status(): array
    {
        $status = proc_get_status($this->process);
        if (!$status['running'] && $this->exit === null) {
            $this->exit = $status['signaled'] ? -$status['termsig'] : $status['exitcode'];
        }
        return $status;
    }
}
