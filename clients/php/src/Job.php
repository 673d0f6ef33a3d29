<?php

declare(strict_types=1);

namespace Acequia;

use Acequia\Wire\FromWorker;
use Acequia\Wire\JobMessage;
use Acequia\Wire\Limits;
use Acequia\Wire\MsgPack;
use Acequia\Wire\MsgPackException;
use Acequia\Wire\Utf8;
use Acequia\Worker\Line;

/** A job as its handler sees it. */
final class Job
{
    /** The job's id, the same in each attempt: a UUID in hex and dashes. */
    public readonly string $id;
    /** The queue that it waited in. */
    public readonly string $queue;
    /** Which run of the job this is, from 1. */
    public readonly int $attempt;
    /** The media type of the payload. */
    public readonly string $type;
    /** The payload, byte for byte. */
    public readonly string $payload;
    /** How long this run may take, in ms, if its client set a limit: the server cancels it then. */
    public readonly ?int $timeoutMs;
    /** @var array<string, string> what travels with the job, such as a `traceparent` */
    public readonly array $meta;

    private readonly string $key;

    /** @internal */
    public function __construct(JobMessage $message, private readonly Line $line)
    {
        $this->key = $message->job;
        $this->id = vsprintf('%s-%s-%s-%s-%s', sscanf(bin2hex($message->job), '%8s%4s%4s%4s%12s'));
        $this->queue = $message->queue;
        $this->attempt = $message->attempt;
        $this->type = $message->type;
        $this->payload = $message->payload;
        $this->timeoutMs = $message->timeoutMs;
        $this->meta = $message->meta;
    }

    /** The job's own span, as W3C Trace Context writes it, if the job is part of a trace. */
    public function traceparent(): ?string
    {
        return $this->meta['traceparent'] ?? null;
    }

    /**
     * The payload, read as JSON; objects as arrays unless `$assoc` is false.
     *
     * @throws Failure with code `bad_input`, not worth another attempt, if it is not JSON
     */
    public function json(bool $assoc = true): mixed
    {
        try {
            return json_decode($this->payload, $assoc, flags: JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            throw $this->unreadable('JSON', $error);
        }
    }

    /**
     * The payload, read as MessagePack; maps as arrays unless `$assoc` is false.
     *
     * @throws Failure with code `bad_input`, not worth another attempt, if it is not MessagePack
     */
    public function msgpack(bool $assoc = true): mixed
    {
        try {
            return MsgPack::unpack($this->payload, $assoc);
        } catch (MsgPackException $error) {
            throw $this->unreadable('MessagePack', $error);
        }
    }

    /**
     * The payload, read as its type says: JSON and MessagePack as values, all else as a string.
     *
     * @throws Failure with code `bad_input` if it is not what its type says
     */
    public function value(): mixed
    {
        return match ($this->type) {
            Reply::JSON => $this->json(),
            Reply::MSGPACK => $this->msgpack(),
            default => $this->payload,
        };
    }

    /**
     * Tells the client how far the job is, in any unit. It is for people: no more often than one
     * can follow. A note is cut to 4 KiB.
     */
    public function progress(int|float|null $done = null, int|float|null $total = null, ?string $note = null): void
    {
        $this->line->send(FromWorker::progress($this->key, $done, $total, $note));
    }

    /**
     * Sends a part of the result ahead: a {@see Reply}, or a value as a handler may return it.
     *
     * @throws Failure with code `bad_result` if the server would not take it; with code
     *     `cancelled` if nobody waits for this job any more. Let both pass.
     */
    public function chunk(mixed $part): void
    {
        $reply = $this->fitting($part, 'chunk');
        $this->throwIfCancelled();
        $this->line->send(FromWorker::chunk($this->key, $reply->type, $reply->bytes));
    }

    /**
     * Publishes to all who subscribed to the topic (1 to 128 bytes): a {@see Reply}, or any value,
     * as JSON.
     *
     * @throws Failure with code `bad_topic` or `bad_result` if the server would not take it
     */
    public function publish(string $topic, mixed $data): void
    {
        $bytes = strlen($topic);
        if ($bytes < 1 || $bytes > Limits::TOPIC_BYTES_MAX || !Utf8::isValid($topic)) {
            $message = 'a topic has 1 to ' . Limits::TOPIC_BYTES_MAX . " bytes of UTF-8, this one has $bytes";
            throw new Failure('bad_topic', $message, retry: false);
        }
        $reply = $this->fitting($data instanceof Reply ? $data : Reply::json($data), 'published message');
        // Whoever holds the connection knows the lane.
        $this->line->send(FromWorker::publish('', $topic, $reply->type ?? $this->type, $reply->bytes));
    }

    /**
     * Whether nobody waits for this job any more: its client cancelled it, its time is over, or the
     * connection to the server began anew. The handler should stop and return. One that goes on is
     * ended by force after a while, where jobs have processes of their own.
     */
    public function isCancelled(): bool
    {
        return $this->line->isCancelled();
    }

    /** @throws Failure with code `cancelled` if nobody waits for this job any more */
    public function throwIfCancelled(): void
    {
        if ($this->isCancelled()) {
            throw Failure::cancelled();
        }
    }

    /**
     * Calls `$then` once nobody waits for this job any more. In a loop that is at once; elsewhere
     * within the next {@see isCancelled()}.
     */
    public function onCancel(callable $then): void
    {
        $this->line->onCancel($then(...));
    }

    /**
     * What the handler returned, or threw, as the last word on this job.
     *
     * @internal
     * @return array{string, string, string, string}
     */
    public function outcome(mixed $result): array
    {
        try {
            if ($result instanceof \Throwable) {
                throw $result;
            }
            $reply = $this->fitting($result, 'result');
            return FromWorker::done($this->key, $reply->type, $reply->bytes);
        } catch (\Throwable $error) {
            $code = $error instanceof Failure ? $error->getCode() : null;
            $message = $error->getMessage() === '' ? $error::class : $error->getMessage();
            return FromWorker::fail($this->key, $code, $message, !$error instanceof Failure || $error->retry);
        }
    }

    private function fitting(mixed $value, string $what): Reply
    {
        $reply = Reply::of($value, $this->type);
        [$bytes, $max] = [strlen($reply->bytes), $this->line->maxBody()];
        if ($bytes > $max) {
            throw Failure::badResult(
                "the $what has $bytes bytes, and the server takes at most $max; "
                . "send a smaller one, or raise the server's limit"
            );
        }
        return $reply;
    }

    private function unreadable(string $format, \Throwable $error): Failure
    {
        $message = "the payload ($this->type) is not the $format that is expected: {$error->getMessage()}";
        return new Failure('bad_input', $message, retry: false, previous: $error);
    }
}
