<?php

declare(strict_types=1);

namespace Acequia\Forked;

use Acequia\Job;
use Acequia\Wire\JobMessage;
use Acequia\Worker\Line;
use Acequia\Worker\Options;

/** The process that runs the jobs of one slot, one after the other. */
final class Child implements Line
{
    private string $running = '';
    private bool $isCancelled = false;
    private int $maxBody = 0;
    /** @var list<\Closure> */
    private array $then = [];

    /** @param ?\Closure(): mixed $boot what is done before the first job */
    public function __construct(
        private readonly Channel $line,
        private readonly Options $options,
        private readonly ?\Closure $boot,
    ) {
    }

    /** Ends this process as if it had never been: nothing of what it inherited is taken down twice. */
    public static function vanish(): never
    {
        posix_kill(posix_getpid(), SIGKILL);
        exit;
    }

    public function run(): never
    {
        // What is in a buffer of the parent's is the parent's to print.
        while (ob_get_level() > 0 && ob_end_clean()) {
        }
        register_shutdown_function($this->tellFatal(...));
        $isBooted = false;
        while (($message = $this->line->next()) !== null) {
            if ($message[0] !== 'job') {
                continue; // the job that it would cancel has just ended
            }
            $this->maxBody = (int) $message[2];
            $job = $this->begin($message[1]);
            try {
                $isBooted = $isBooted ?: $this->boot();
                $result = ($this->options->handler($job->queue))($job);
            } catch (\Throwable $error) {
                $result = $error;
            }
            while (ob_get_level() > 0 && ob_end_flush()) {
            }
            $this->line->push(...$job->outcome($result));
            [$this->running, $this->then] = ['', []];
            unset($job, $result, $error);
        }
        self::vanish();
    }

    public function send(array $message): void
    {
        $this->line->push(...$message);
    }

    public function isCancelled(): bool
    {
        if ($this->isCancelled) {
            return true;
        }
        $this->line->wait(false);
        $this->line->read();
        $this->line->wait(true);
        while (($message = $this->line->take()) !== null) {
            if ($message[0] === 'cancel' && $message[1] === $this->running) {
                $this->isCancelled = true;
                array_map(static fn (\Closure $call) => $call(), $this->then);
            }
        }
        return $this->isCancelled;
    }

    public function onCancel(\Closure $then): void
    {
        $this->then[] = $then;
    }

    public function maxBody(): int
    {
        return $this->maxBody;
    }

    private function begin(string $packed): Job
    {
        $message = unserialize($packed, ['allowed_classes' => [JobMessage::class]]);
        [$this->running, $this->isCancelled, $this->then] = [$message->job, false, []];
        return new Job($message, $this);
    }

    private function boot(): bool
    {
        if ($this->boot !== null) {
            ($this->boot)();
        }
        return true;
    }

    /** A fatal error, such as memory that is used up, throws nothing, but can still be told. */
    private function tellFatal(): void
    {
        $error = error_get_last();
        $isFatal = $error !== null && ($error['type'] & (E_ERROR | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR)) !== 0;
        if ($this->running !== '' && $isFatal) {
            $this->line->push('fatal', $this->running, $error['message']);
        }
    }
}
