<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Wire\JobMessage;

/** Those who run the jobs of one connection. They say what comes of a job to its lane. */
interface Crew
{
    public function start(Lane $lane, JobMessage $message): void;

    /** The outcome of a run no longer matters; its lane is to hear the last word all the same, and soon. */
    public function cancel(Lane $lane, string $job): void;

    /** The lane is void, and so are all runs of it. */
    public function void(Lane $lane): void;
}
