<?php

/**
 * The worker in a ReactPHP loop that the tests of all languages drive. All its settings are in its
 * environment. There is no queue `hang`: what blocks the loop blocks its beats as well.
 */

declare(strict_types=1);

use Acequia\Failure;
use Acequia\Job;
use Acequia\React\Worker;
use React\EventLoop\LoopInterface;
use React\Promise\Deferred;
use React\Promise\PromiseInterface;

require __DIR__ . '/react.php';
require __DIR__ . '/../autoload.php';
require __DIR__ . '/conduct_common.php';

function nap(LoopInterface $loop, Job $job): PromiseInterface
{
    $nap = new Deferred();
    $timer = $loop->addTimer($job->json() / 1000, fn () => $nap->resolve(null));
    $job->onCancel(function () use ($loop, $job, $nap, $timer): void {
        $loop->cancelTimer($timer);
        $job->publish('cancelled', $job->id);
        $nap->reject(Failure::cancelled());
    });
    return $nap->promise();
}

$loop = default_loop();
$worker = new Worker($loop);
foreach (common_handlers() as $queue => $handler) {
    $worker->queue($queue, $handler);
}
$worker
    ->queue('sleep', fn (Job $job) => nap($loop, $job))
    ->run();
