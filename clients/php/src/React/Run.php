<?php

declare(strict_types=1);

namespace Acequia\React;

use Acequia\Failure;
use Acequia\Worker\Lane;
use Acequia\Worker\Line;

/** One job that runs in the loop. */
final class Run implements Line
{
    /** What the handler returned, if that is to be waited for. */
    public ?object $promise = null;
    private bool $isCancelled = false;
    /** @var list<\Closure> */
    private array $then = [];

    /** @param \Closure(): void $flush has sent what waits, as far as the connection takes it */
    public function __construct(public readonly Lane $lane, private readonly \Closure $flush)
    {
    }

    public function send(array $message): void
    {
        if ($this->lane->isFull()) {
            ($this->flush)();
        }
        if ($this->lane->isFull()) {
            if ($message[0] === 'progress') {
                return;
            }
            // Nobody can wait here, and not without end.
            throw new Failure('congested', 'the handler says more than the connection takes; let the loop go on in between');
        }
        $this->lane->say($message);
    }

    public function isCancelled(): bool
    {
        return $this->isCancelled;
    }

    public function onCancel(\Closure $then): void
    {
        $this->isCancelled ? $then() : $this->then[] = $then;
    }

    public function maxBody(): int
    {
        return $this->lane->maxBody;
    }

    /** Tells the handler, in every way that it may have asked for. */
    public function cancel(): void
    {
        if ($this->isCancelled) {
            return;
        }
        $this->isCancelled = true;
        $then = $this->then;
        $this->then = [];
        foreach ($then as $call) {
            $call();
        }
        if ($this->promise !== null && method_exists($this->promise, 'cancel')) {
            $this->promise->cancel();
        }
    }
}
