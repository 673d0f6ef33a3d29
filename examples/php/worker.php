<?php

// Makes reports, a row at a time.

declare(strict_types=1);

require __DIR__ . '/autoload.php';

$worker = new Acequia\Worker(slots: 4);
$worker->queue('reports', function (Acequia\Job $job): array {
    $rows = $job->json()['rows'];
    for ($row = 1; $row <= $rows; $row++) {
        $job->throwIfCancelled();
        usleep(100_000); // work
        $job->progress($row, $rows);
    }
    return ['summary' => "$rows rows, made at " . date('H:i:s')];
});
$worker->run();
