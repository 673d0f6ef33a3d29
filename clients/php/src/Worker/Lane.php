<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Wire\Hello;

/**
 * One lane, from its `hello` to its end, and the jobs that it holds.
 *
 * Once it is void it holds nothing and says nothing, whoever still has something to report.
 */
final class Lane
{
    /** @var array<string, true> by id */
    private array $held = [];
    private bool $isVoid = false;

    public readonly string $id;
    public readonly int $maxBody;

    public function __construct(Hello $hello, private readonly Outbox $outbox)
    {
        $this->id = $hello->lane;
        $this->maxBody = $hello->maxBody;
    }

    /** Takes a job in. False if it is held already: then the server said it twice. */
    public function hold(string $job): bool
    {
        if (isset($this->held[$job])) {
            return false;
        }
        return $this->held[$job] = true;
    }

    public function isIdle(): bool
    {
        return $this->held === [];
    }

    public function isVoid(): bool
    {
        return $this->isVoid;
    }

    /** Whether those who have more to say should wait. */
    public function isFull(): bool
    {
        return !$this->isVoid && $this->outbox->isFull();
    }

    public function void(): void
    {
        $this->isVoid = true;
        $this->held = [];
    }

    /**
     * Says something about a job that it holds; `done` and `fail` are the last word. Or publishes:
     * whoever does so need not know the lane.
     *
     * @param array{string, string, string, string} $message
     */
    public function say(array $message): void
    {
        if ($this->isVoid) {
            return;
        }
        [$kind, $job] = $message;
        if ($kind === 'publish') {
            $message[1] = $this->id;
        } elseif (!isset($this->held[$job])) {
            return;
        } elseif ($kind === 'done' || $kind === 'fail') {
            unset($this->held[$job]);
        }
        $this->outbox->push($message);
    }
}
