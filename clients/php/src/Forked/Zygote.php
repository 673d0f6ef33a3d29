<?php

declare(strict_types=1);

namespace Acequia\Forked;

/**
 * The process that forks those who run jobs, and reaps them. It is forked itself before there is
 * any ZeroMQ, so that no child has a copy of its sockets or comes into being beside its threads.
 *
 * It is told `fork` or `kill` and a slot. It says `forked`, or `died` with how, in words, and a
 * code. It lives as long as the other end of its line: then it takes all its children along.
 */
final class Zygote
{
    /** Should a child end in the moment before the wait begins, that is seen no later than this. */
    private const WAIT_US_MAX = 250_000;

    /** @var array<int, int> slots by pid */
    private array $slots = [];

    /**
     * @param list<Channel> $ends the children's ends of their lines, by slot
     * @param \Closure(Channel): never $child what a child does
     */
    public function __construct(
        private readonly Channel $line,
        private readonly array $ends,
        private readonly \Closure $child,
    ) {
    }

    public function run(): never
    {
        // Apart from the terminal's group: who is told to stop by Ctrl-C is the parent alone.
        posix_setpgid(0, 0);
        pcntl_async_signals(true);
        foreach ([SIGTERM, SIGINT] as $number) {
            pcntl_signal($number, SIG_DFL);
        }
        // That it is caught at all ends a wait.
        pcntl_signal(SIGCHLD, static function (): void {
        });
        $this->line->wait(false);
        do {
            $this->wait();
            $this->line->read();
            while (($message = $this->line->take()) !== null) {
                $slot = (int) $message[1];
                $message[0] === 'fork' ? $this->fork($slot) : $this->kill($slot);
            }
            $this->reap();
        } while (!$this->line->isClosed());
        array_map($this->kill(...), $this->slots);
        Child::vanish();
    }

    private function wait(): void
    {
        $read = [$this->line->stream()];
        $write = $this->line->hasUnsent() ? $read : [];
        $none = [];
        [$seconds, $us] = $this->slots === [] ? [null, null] : [0, self::WAIT_US_MAX];
        @stream_select($read, $write, $none, $seconds, $us);
        $this->line->flush();
    }

    private function fork(int $slot): void
    {
        $end = $this->ends[$slot];
        // What the one before did not read is not for the next.
        $end->wait(false);
        $end->drain();
        $end->wait(true);
        $pid = pcntl_fork();
        if ($pid === 0) {
            $this->line->close();
            foreach ($this->ends as $i => $other) {
                $i === $slot || $other->close();
            }
            pcntl_async_signals(false);
            pcntl_signal(SIGCHLD, SIG_DFL);
            posix_setpgid(0, 0);
            ($this->child)($end);
        }
        if ($pid === -1) {
            $why = pcntl_strerror(pcntl_get_last_error());
            $this->line->push('died', (string) $slot, "no process could be started for it: $why", 'fork_failed');
            return;
        }
        // Also here, so that it has its group whoever of both goes on first.
        posix_setpgid($pid, $pid);
        $this->slots[$pid] = $slot;
        $this->line->push('forked', (string) $slot);
    }

    /** With all that the child has started, as far as it stayed in its group. */
    private function kill(int $slot): void
    {
        $pid = array_search($slot, $this->slots, true);
        if ($pid !== false) {
            posix_kill(-$pid, SIGKILL);
            posix_kill($pid, SIGKILL);
        }
    }

    private function reap(): void
    {
        while (($pid = pcntl_waitpid(-1, $status, WNOHANG)) > 0) {
            $slot = $this->slots[$pid] ?? null;
            unset($this->slots[$pid]);
            if ($slot === null) {
                continue;
            }
            $signal = pcntl_wifsignaled($status) ? pcntl_wtermsig($status) : null;
            $exit = pcntl_wexitstatus($status);
            $how = $signal === null ? "ended itself with exit code $exit" : "was killed by signal $signal";
            $code = $signal === null ? "exit_$exit" : "signal_$signal";
            $this->line->push('died', (string) $slot, "the process of its handler $how", $code);
        }
    }
}
