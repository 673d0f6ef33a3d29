<?php

/** A worker in a loop, whose handlers do what handlers may. */

declare(strict_types=1);

use Acequia\Job;
use Acequia\React\Worker;
use Acequia\Reply;
use React\Promise\Deferred;
use React\Promise\Promise;

require __DIR__ . '/../react.php';
require __DIR__ . '/../../autoload.php';

$loop = default_loop();
$ticks = 0;
$loop->addPeriodicTimer(0.001, function () use (&$ticks): void {
    $ticks++;
});

/** Resolves once so many have asked for it. */
$meeting = (object) ['came' => []];

$worker = new Worker(
    $loop,
    cancelGrace: (float) (getenv('HAZARD_CANCEL_GRACE') ?: 5),
    grace: (float) (getenv('HAZARD_GRACE') ?: 30),
);
$worker
    ->queue('meet', function (Job $job) use ($meeting) {
        $meeting->came[] = $mine = new Deferred();
        if (count($meeting->came) >= $job->json()) {
            foreach ($meeting->came as $i => $each) {
                $each->resolve($i);
            }
            $meeting->came = [];
        }
        return $mine->promise();
    })
    ->queue('reject', fn (Job $job) => new Promise(fn ($resolve, $reject) => $reject(new DomainException($job->json()))))
    ->queue('never', function (Job $job) {
        $job->progress(note: 'waits');
        return new Promise(fn () => null);
    })
    ->queue('cancel_promise', function (Job $job) {
        $job->progress(note: 'waits');
        return new Promise(fn () => null, function () use ($job): void {
            $job->publish('heard', $job->id);
            throw new RuntimeException('was cancelled');
        });
    })
    ->queue('ticks', function () use (&$ticks) {
        return $ticks;
    })
    ->queue('flood', function (Job $job): int {
        for ($i = 0; $i < $job->json(); $i++) {
            $job->chunk(Reply::bytes(str_repeat('x', 65_536)));
        }
        return memory_get_peak_usage();
    })
    ->run();
