<?php

declare(strict_types=1);

namespace Acequia\Forked;

use Acequia\Exception\WorkerDied;
use Acequia\Worker\Crew;
use Acequia\Worker\Gang;
use Acequia\Worker\Options;
use Acequia\Worker\Poller;

/** The crews of all connections, and the zygote that forks for them. */
final class ForkedGang implements Gang
{
    /** @var list<ForkedCrew> */
    private array $crews = [];
    /** @var list<Slot> of all crews */
    private array $slots = [];
    private readonly Channel $zygote;
    private readonly int $zygotePid;

    /**
     * To be made before there is any ZeroMQ in this process.
     *
     * @param ?\Closure(): mixed $boot
     */
    public function __construct(private readonly Options $options, ?\Closure $boot)
    {
        [$this->zygote, $far] = Channel::pair();
        $ends = [];
        foreach (range(0, count($options->servers) * $options->slots - 1) as $number) {
            [$near, $ends[]] = Channel::pair();
            $near->wait(false);
            $this->slots[] = new Slot($number, $near);
        }
        $child = static fn (Channel $line) => (new Child($line, $options, $boot))->run();
        $this->zygotePid = $this->fork($far, $ends, $child);
        $this->zygote->wait(false);
        foreach ($options->servers as $i => $_) {
            $slots = array_slice($this->slots, $i * $options->slots, $options->slots);
            $this->crews[] = new ForkedCrew($slots, $this->zygote, $options->cancelGrace);
        }
    }

    public function crew(int $server): Crew
    {
        return $this->crews[$server];
    }

    public function want(Poller $poller): void
    {
        $poller->want('zygote', $this->zygote->stream(), read: true, write: $this->zygote->hasUnsent());
        foreach ($this->crews as $crew) {
            $crew->want($poller);
        }
    }

    public function due(): float
    {
        return min(array_map(static fn (ForkedCrew $crew) => $crew->due(), $this->crews));
    }

    public function turn(): void
    {
        $this->zygote->flush();
        $this->zygote->read();
        while (($message = $this->zygote->take()) !== null) {
            $number = (int) $message[1];
            $crew = $this->crews[intdiv($number, $this->options->slots)];
            $message[0] === 'forked'
                ? $crew->forked($this->slots[$number])
                : $crew->died($this->slots[$number], $message[2], $message[3]);
        }
        if ($this->zygote->isClosed()) {
            throw new WorkerDied(
                "the process that starts those who run jobs (pid $this->zygotePid) was killed; start the worker again"
            );
        }
        foreach ($this->crews as $crew) {
            $crew->turn();
        }
    }

    /** Ends all its processes, and waits until they are gone. */
    public function end(): void
    {
        $this->zygote->close();
        foreach ($this->slots as $slot) {
            $slot->line->close();
        }
        while (pcntl_waitpid($this->zygotePid, $status) === -1 && pcntl_get_last_error() === PCNTL_EINTR) {
        }
    }

    /**
     * @param list<Channel> $ends
     * @param \Closure(Channel): never $child
     */
    private function fork(Channel $far, array $ends, \Closure $child): int
    {
        $pid = pcntl_fork();
        if ($pid === 0) {
            $this->zygote->close();
            foreach ($this->slots as $slot) {
                $slot->line->close();
            }
            (new Zygote($far, $ends, $child))->run();
        }
        $far->close();
        foreach ($ends as $end) {
            $end->close();
        }
        return $pid > 0
            ? $pid
            : throw new WorkerDied('no process could be forked: ' . pcntl_strerror(pcntl_get_last_error()));
    }
}
