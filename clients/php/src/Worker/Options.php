<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Exception\InvalidOption;
use Acequia\Wire\Limits;
use Psr\Log\LoggerInterface;

/**
 * What a worker was set up to be, checked. What is not given in code is taken from the environment,
 * as the command `acequia worker` and pools have it.
 */
final class Options
{
    /** Messages that a worker takes in one ZeroMQ message. */
    public const PACK = 256;
    public const GRACE_S = 30.0;
    public const CANCEL_GRACE_S = 5.0;
    public const BEAT_S = 3.0;

    /** @var non-empty-list<Server> */
    public readonly array $servers;
    /** Jobs that each server may have it hold at a time. */
    public readonly int $slots;
    public readonly string $name;
    public readonly ?string $token;
    public readonly Log $log;

    /** @var array<string, \Closure> */
    private array $handlers = [];

    /**
     * @param int $pack messages that it takes in one ZeroMQ message
     * @param float $grace seconds for what is held, once told to stop
     * @param float $cancelGrace seconds for a handler whose job is cancelled
     * @param float $beat the longest silence while jobs are held, in seconds; below the server's lease
     */
    public function __construct(
        string|array|null $jobs = null,
        string|array|null $results = null,
        ?int $slots = null,
        ?string $name = null,
        #[\SensitiveParameter] ?string $token = null,
        ?string $tokenFile = null,
        public readonly int $pack = self::PACK,
        public readonly float $grace = self::GRACE_S,
        public readonly float $cancelGrace = self::CANCEL_GRACE_S,
        public readonly float $beat = self::BEAT_S,
        ?LoggerInterface $logger = null,
    ) {
        $this->servers = Server::all(
            $jobs ?? self::variable('ACEQUIA_JOBS') ?? 'tcp://127.0.0.1:5557',
            $results ?? self::variable('ACEQUIA_RESULTS') ?? 'tcp://127.0.0.1:5558',
        );
        $this->slots = $slots ?? self::slotsVariable() ?? 1;
        self::within('slots', $this->slots, 1, Limits::SLOTS_MAX);
        self::within('pack', $pack, 1, Limits::PACK_MAX);
        self::within('grace', $grace, 0, INF);
        self::within('cancelGrace', $cancelGrace, 0, INF);
        self::within('beat', $beat, 0.001, INF);
        $this->name = $name ?? self::variable('ACEQUIA_NAME')
            ?? basename($_SERVER['SCRIPT_FILENAME'] ?? 'worker') . '-' . getmypid();
        $tokenFile ??= self::variable('ACEQUIA_WORKER_TOKEN_FILE');
        $this->token = $token ?? ($tokenFile === null ? null : self::tokenOf($tokenFile));
        $this->log = new Log($logger);
    }

    public function serve(string $queue, \Closure $handler): void
    {
        if (!Limits::isQueueName($queue)) {
            throw new InvalidOption("`$queue` cannot be the name of a queue: 1 to 64 bytes of [A-Za-z0-9._-]");
        }
        if (isset($this->handlers[$queue])) {
            throw new InvalidOption("the queue `$queue` has two handlers; give each queue one");
        }
        if (count($this->handlers) === Limits::QUEUES_MAX) {
            throw new InvalidOption('a worker serves at most ' . Limits::QUEUES_MAX . " queues; `$queue` is one more");
        }
        $this->handlers[$queue] = $handler;
    }

    /** @return non-empty-list<string> */
    public function queues(): array
    {
        // PHP makes the name `7` a number.
        return array_map(strval(...), array_keys($this->handlers))
            ?: throw new InvalidOption('the worker serves no queue; name at least one with queue()');
    }

    public function handler(string $queue): ?\Closure
    {
        return $this->handlers[$queue] ?? null;
    }

    private static function variable(string $name): ?string
    {
        $value = getenv($name);
        return $value === false || $value === '' ? null : $value;
    }

    private static function slotsVariable(): ?int
    {
        $value = self::variable('ACEQUIA_SLOTS');
        if ($value !== null && !ctype_digit($value)) {
            throw new InvalidOption("ACEQUIA_SLOTS is `$value`; it must be a number from 1 to " . Limits::SLOTS_MAX);
        }
        return $value === null ? null : (int) $value;
    }

    private static function within(string $name, int|float $value, int|float $min, int|float $max): void
    {
        if (!($value >= $min && $value <= $max)) {
            $range = $max === INF ? "at least $min" : "$min to $max";
            throw new InvalidOption("the worker's $name must be $range, and is $value");
        }
    }

    private static function tokenOf(string $file): string
    {
        $token = @file_get_contents($file);
        if ($token === false) {
            throw new InvalidOption("the worker token file `$file` cannot be read: " . (error_get_last()['message'] ?? ''));
        }
        $token = trim($token);
        return $token !== '' ? $token : throw new InvalidOption("the worker token file `$file` is empty");
    }
}
