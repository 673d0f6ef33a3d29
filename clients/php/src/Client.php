<?php

declare(strict_types=1);

namespace Acequia;

use Acequia\Client\Answer;
use Acequia\Client\Caller;
use Acequia\Client\CurlTransport;
use Acequia\Client\Job as SubmittedJob;
use Acequia\Client\Result;
use Acequia\Client\StreamTransport;
use Acequia\Client\Transport;
use Acequia\Exception\InvalidOption;
use Acequia\Exception\JobCancelled;
use Acequia\Exception\JobFailed;
use Acequia\Exception\Refused;
use Acequia\Exception\Unreachable;

/**
 * Submits jobs and publishes, for backends.
 *
 *     $client = new Client('http://127.0.0.1:8080');
 *     echo $client->submit('upper', 'hello')->wait(10); // HELLO
 *
 * Calls that find no answer, or a server that is full, are made again where that does no harm.
 */
final class Client
{
    private readonly Caller $caller;

    /**
     * @param ?string $server `ACEQUIA_SERVER`, else http://127.0.0.1:8080
     * @param ?string $token a JSON Web Token, where clients need one
     * @param float $timeout seconds for one call, beside what the server was asked to wait
     * @param int $retries how often a call is made again
     * @param ?Transport $transport else ext-curl, and PHP's streams where it is missing
     * @throws InvalidOption
     */
    public function __construct(
        ?string $server = null,
        #[\SensitiveParameter] ?string $token = null,
        float $timeout = 10.0,
        int $retries = 5,
        ?Transport $transport = null,
    ) {
        $server ??= getenv('ACEQUIA_SERVER') ?: 'http://127.0.0.1:8080';
        if (preg_match('~\Ahttps?://[^\s?#]+\z~', $server) !== 1) {
            throw new InvalidOption("the server `$server` is no address; expected is one such as http://127.0.0.1:8080");
        }
        if ($timeout <= 0 || $retries < 0) {
            throw new InvalidOption("the timeout must be above 0 seconds, and is $timeout; retries at least 0, and are $retries");
        }
        $transport ??= extension_loaded('curl') ? new CurlTransport() : new StreamTransport();
        $this->caller = new Caller($transport, rtrim($server, '/'), $token, $timeout, $retries);
    }

    /**
     * Submits a job.
     *
     * @param mixed $payload any value, as JSON; or, if there is a `$type`, bytes of that type
     * @param ?string $key a second submit of the same key is the same job. Without one the job has a key
     *     of its own all the same, so that a call can be made again
     * @param ?int $priority 0 to 9, higher goes first; 4 without
     * @param ?int $attempts how many runs may fail before the job does; 1 without
     * @param ?string $onDisconnect `keep`, or `cancel`: it lives no longer than this call waits
     * @param float $wait seconds to wait for the outcome; then {@see SubmittedJob::wait()} has it at once
     * @throws Refused
     * @throws Unreachable
     */
    public function submit(
        string $queue,
        mixed $payload,
        ?string $key = null,
        ?string $type = null,
        ?int $priority = null,
        ?int $delayMs = null,
        ?int $timeoutMs = null,
        ?int $ttlMs = null,
        ?int $attempts = null,
        ?string $batch = null,
        ?string $onDisconnect = null,
        ?string $traceparent = null,
        float $wait = 0.0,
    ): SubmittedJob {
        $query = http_build_query([
            'priority' => $priority,
            'delay_ms' => $delayMs,
            'timeout_ms' => $timeoutMs,
            'ttl_ms' => $ttlMs,
            'attempts' => $attempts,
            'batch' => $batch,
            'on_disconnect' => $onDisconnect,
        ], '', '&', PHP_QUERY_RFC3986);
        $headers = array_filter([
            'Content-Type' => $type ?? Reply::JSON,
            'Idempotency-Key' => self::quoted($key ?? self::ownKey()),
            'Prefer' => $wait > 0 ? 'wait=' . (int) ceil($wait) : null,
            'traceparent' => $traceparent,
        ], is_string(...));
        $answer = $this->caller->call(
            'POST',
            '/v1/queues/' . rawurlencode($queue) . '/jobs' . ($query === '' ? '' : "?$query"),
            $headers,
            self::body($payload, $type),
            wait: $wait,
            alright: [409, 422],
        );
        return $this->submitted($answer);
    }

    /**
     * Submits many jobs at one time.
     *
     * @param list<array{queue: string, payload: mixed, key?: string, ...}> $jobs each with the keys of
     *     `submit`, as the protocol spells them: `timeout_ms`, `attempts`, …
     * @return list<SubmittedJob|Refused> in the same order: each job, or why it was not taken
     * @throws Refused
     * @throws Unreachable
     */
    public function submitMany(array $jobs): array
    {
        $jobs = array_map(static fn (array $job) => $job + ['key' => self::ownKey()], $jobs);
        $headers = ['Content-Type' => Reply::JSON];
        $answer = $this->caller->call('POST', '/v1/jobs', $headers, self::body($jobs, null));
        return array_map(
            fn (array $entry) => isset($entry['status'])
                ? Refused::of($entry, (int) $entry['status'])
                : $this->job($entry['job']),
            json_decode($answer->body, true, flags: JSON_THROW_ON_ERROR),
        );
    }

    /** A job that was submitted before, by its id. */
    public function job(string $id): SubmittedJob
    {
        return new SubmittedJob($this->caller, $id);
    }

    /**
     * Sends a message to all sessions that subscribed to the topic. Returns to how many.
     *
     * @param mixed $data any value, as JSON; or, if there is a `$type`, bytes of that type
     * @param bool $retain whether it is also kept for those who subscribe later
     * @throws Refused
     * @throws Unreachable
     */
    public function publish(string $topic, mixed $data, bool $retain = false, ?string $type = null): int
    {
        $path = '/v1/topics/' . strtr(rawurlencode($topic), ['%2F' => '/']) . ($retain ? '?retain=true' : '');
        $headers = ['Content-Type' => $type ?? Reply::JSON];
        // What is kept may be said twice: the second takes the place of the first.
        $answer = $this->caller->call('POST', $path, $headers, self::body($data, $type), isSafe: false);
        return (int) json_decode($answer->body, true, flags: JSON_THROW_ON_ERROR)['subscribers'];
    }

    private function submitted(Answer $answer): SubmittedJob
    {
        $said = $answer->status === 200 ? [] : json_decode($answer->body, true);
        $job = $said['job'] ?? basename($answer->header('location') ?? '');
        if ($job === '') {
            throw Refused::from($answer);
        }
        return new SubmittedJob($this->caller, $job, match ($answer->status) {
            200 => Result::of($answer),
            409 => JobCancelled::from($answer),
            422 => JobFailed::from($answer),
            default => null,
        });
    }

    private static function body(mixed $data, ?string $type): string
    {
        if ($type === null) {
            try {
                return Reply::json($data)->bytes;
            } catch (Failure $error) {
                throw new InvalidOption("the data cannot be sent: {$error->getMessage()}", previous: $error);
            }
        }
        return is_string($data)
            ? $data
            : throw new InvalidOption("data of the type `$type` must be a string of bytes, and is " . get_debug_type($data));
    }

    private static function ownKey(): string
    {
        return bin2hex(random_bytes(16));
    }

    /** The quotes are no part of the key; so quotes and spaces of its own are. */
    private static function quoted(string $key): string
    {
        return "\"$key\"";
    }
}
