<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Psr\Log\LoggerInterface;

/** Where a worker says what happens to it: a PSR-3 logger, or standard error. Never ids of lanes, nor payloads. */
final class Log
{
    public function __construct(private readonly ?LoggerInterface $logger)
    {
    }

    public function info(string $message): void
    {
        $this->logger?->info($message);
        $this->logger ?? $this->write($message);
    }

    public function warning(string $message): void
    {
        $this->logger?->warning($message);
        $this->logger ?? $this->write("warning: $message");
    }

    private function write(string $message): void
    {
        // Whoever closed standard error does not want to know.
        @file_put_contents('php://stderr', "acequia worker: $message\n");
    }
}
