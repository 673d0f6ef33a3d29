<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** The way from a handler to the server and back. */
interface Line
{
    /**
     * Sends a message about the job, or publishes.
     *
     * @param array{string, string, string, string} $message
     */
    public function send(array $message): void;

    /** Whether nobody waits for the job any more. */
    public function isCancelled(): bool;

    /** Calls `$then` once nobody waits for the job any more, as soon as this process hears of it. */
    public function onCancel(\Closure $then): void;

    /** The largest body that the server takes, in bytes. */
    public function maxBody(): int;
}
