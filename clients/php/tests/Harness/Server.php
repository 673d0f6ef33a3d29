<?php

declare(strict_types=1);

namespace Acequia\Tests\Harness;

use Acequia\Client;
use Acequia\Client\Transport;

/** A running `acequia serve`, on ports of the system's choice. */
final class Server
{
    public string $http = '127.0.0.1:0';
    public string $jobs = 'tcp://127.0.0.1:0';
    public string $results = 'tcp://127.0.0.1:0';
    private Program $program;
    /** @var list<string> */
    private readonly array $flags;
    private readonly string $runtime;

    public function __construct(string ...$flags)
    {
        $this->flags = $flags;
        // Where it leaves its admin token for others of this user.
        $this->runtime = sys_get_temp_dir() . '/acequia-php-' . bin2hex(random_bytes(6));
        mkdir($this->runtime, 0700);
        $this->start();
    }

    public static function binary(): string
    {
        $binary = getenv('ACEQUIA_BIN') ?: __DIR__ . '/../../../../target/debug/acequia';
        return is_file($binary) ? $binary : throw new \RuntimeException("$binary is not there: cargo build, or set ACEQUIA_BIN");
    }

    /** Starts it, or once more on the ports that it had. */
    public function start(): void
    {
        $this->program = new Program([
            self::binary(), 'serve', '--listen', $this->http, '--jobs', $this->jobs, '--results', $this->results,
            '--journal', 'none', ...$this->flags,
        ], ['XDG_RUNTIME_DIR' => $this->runtime]);
        $this->program->waitFor('acequia ready');
        preg_match('/acequia ready http=(\S+) jobs=(\S+) results=(\S+)/', $this->program->said(), $found);
        [, $this->http, $this->jobs, $this->results] = $found;
    }

    public function kill(): void
    {
        $this->program->kill();
    }

    public function stop(): int
    {
        return $this->program->stop();
    }

    public function said(): string
    {
        return $this->program->said();
    }

    public function client(?Transport $transport = null, int $retries = 5): Client
    {
        return new Client("http://$this->http", retries: $retries, transport: $transport);
    }

    public function metric(string $name): float
    {
        $text = (string) @file_get_contents("http://$this->http/metrics");
        return preg_match_all('/^' . preg_quote($name) . '(?:\{[^}]*\})? (\S+)$/m', $text, $found)
            ? (float) array_sum($found[1])
            : 0.0;
    }

    public function waitWorkers(int $count): void
    {
        Patience::until(fn () => (int) $this->metric('acequia_workers') === $count, "$count workers");
    }

    /** @return array<string, string> what tells a worker where it is */
    public function env(): array
    {
        return ['ACEQUIA_JOBS' => $this->jobs, 'ACEQUIA_RESULTS' => $this->results];
    }

    public function __destruct()
    {
        unset($this->program);
        exec('rm -rf ' . escapeshellarg($this->runtime));
    }
}
