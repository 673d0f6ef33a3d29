<?php

/** What both conduct workers do alike. */

declare(strict_types=1);

use Acequia\Failure;
use Acequia\Job;
use Acequia\Reply;

/** @return array<string, callable(Job): mixed> */
function common_handlers(): array
{
    return [
        'echo' => fn (Job $job) => Reply::sameType($job->payload),
        'upper' => fn (Job $job) => strtoupper($job->json()),
        'throw' => function (Job $job): never {
            throw match ($job->json()) {
                'error' => new RuntimeException('boom'),
                'bytes' => new RuntimeException("caf\xe9"),
                'long' => new RuntimeException(str_repeat('x', 10_000)),
                'other' => new TypeError('not even an exception'),
                'fail' => new Failure('no_image', 'not a picture', retry: false),
            };
        },
        'progress' => function (Job $job): int {
            $total = $job->json();
            for ($i = 1; $i <= $total; $i++) {
                $job->progress($i, $total, "step $i");
            }
            return $total;
        },
        'chunks' => function (Job $job): int {
            $total = $job->json();
            for ($i = 1; $i <= $total; $i++) {
                $job->chunk($i);
            }
            return $total;
        },
        'publish' => function (Job $job): void {
            $job->publish($job->json()['topic'], $job->json()['data']);
        },
        'meta' => fn (Job $job) => [
            'id' => $job->id,
            'queue' => $job->queue,
            'attempt' => $job->attempt,
            'type' => $job->type,
            'timeout_ms' => $job->timeoutMs,
            'traceparent' => $job->traceparent(),
        ],
        'bytes' => fn (Job $job) => Reply::bytes(str_repeat('x', $job->json())),
    ];
}
