<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** The job failed: the code is the worker's or the server's, the message the worker's. */
final class JobFailed extends Refused
{
}
