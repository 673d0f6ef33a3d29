<?php

/** A worker whose handlers do what no handler should. */

declare(strict_types=1);

use Acequia\Failure;
use Acequia\Job;
use Acequia\Reply;
use Acequia\Worker;

require __DIR__ . '/../../autoload.php';

// What each process would do at its end, if it had not been forked for jobs alone.
register_shutdown_function(fn () => print("the script ends\n"));

$booted = 0;
$worker = new Worker(
    isolate: getenv('HAZARD_ISOLATE') === 'no' ? false : null,
    grace: (float) (getenv('HAZARD_GRACE') ?: 30),
    cancelGrace: (float) (getenv('HAZARD_CANCEL_GRACE') ?: 5),
);
$worker
    ->boot(function () use (&$booted): void {
        $booted++;
    })
    ->queue('pid', function () use (&$booted): array {
        return ['pid' => getmypid(), 'booted' => $booted];
    })
    ->queue('exit', fn (Job $job) => exit($job->json()))
    ->queue('memory', function (): void {
        ini_set('memory_limit', '16M');
        str_repeat('x', 64 << 20);
    })
    ->queue('segfault', fn (Job $job) => posix_kill(getmypid(), SIGSEGV))
    ->queue('hang', function (Job $job): void {
        $job->progress(note: 'pid ' . getmypid());
        while (true) {
            sleep(3600);
        }
    })
    ->queue('hang_with_a_child', function (Job $job): void {
        $job->progress(note: 'pid ' . proc_get_status(proc_open(['sleep', '3600'], [], $pipes))['pid']);
        sleep(3600);
    })
    ->queue('meet', function (Job $job): int {
        // Ends only if as many run at one time as are told to.
        $place = $job->json()['place'];
        touch("$place/$job->id");
        while (count(glob("$place/*")) < $job->json()['count']) {
            usleep(1000);
        }
        return getmypid();
    })
    ->queue('wait_for_file', function (Job $job): string {
        $job->progress(note: 'waits');
        while (!file_exists($job->json())) {
            usleep(1000);
            clearstatcache();
            $job->throwIfCancelled();
        }
        return 'there it is';
    })
    ->queue('on_cancel', function (Job $job): void {
        $job->onCancel(fn () => $job->publish('heard', $job->id));
        $job->progress(note: 'waits');
        while (!$job->isCancelled()) {
            usleep(1000);
        }
    })
    ->queue('flood', function (Job $job): int {
        for ($i = 0; $i < $job->json(); $i++) {
            $job->chunk(Reply::bytes(str_repeat('x', 65_536)));
        }
        return memory_get_peak_usage();
    })
    ->queue('not_json', fn () => ["\xff"])
    ->queue('large', fn (Job $job) => Reply::bytes(str_repeat('x', $job->json())))
    ->queue('echo_to_stdout', function (): void {
        ob_start();
        echo "a word on standard output\n";
        throw new Failure('after_output', 'said it');
    })
    ->run();
