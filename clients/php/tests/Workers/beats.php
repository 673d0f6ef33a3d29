<?php

/** A worker that beats as often as a short lease asks for. */

declare(strict_types=1);

use Acequia\Worker;

require __DIR__ . '/../../autoload.php';

(new Worker(beat: 0.2))
    ->queue('hang', function (): void {
        sleep(3600);
    })
    ->run();
