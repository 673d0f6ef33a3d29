<?php

/**
 * The worker that the tests of all languages drive. All its settings are in its environment.
 */

declare(strict_types=1);

use Acequia\Failure;
use Acequia\Job;
use Acequia\Worker;

require __DIR__ . '/../autoload.php';
require __DIR__ . '/conduct_common.php';

$worker = new Worker();
foreach (common_handlers() as $queue => $handler) {
    $worker->queue($queue, $handler);
}
$worker
    ->queue('sleep', function (Job $job): void {
        $until = hrtime(true) + $job->json() * 1_000_000;
        while (hrtime(true) < $until) {
            if ($job->isCancelled()) {
                $job->publish('cancelled', $job->id);
                throw Failure::cancelled();
            }
            usleep(5_000);
        }
    })
    ->queue('hang', function (): void {
        sleep(3600);
    })
    ->run();
