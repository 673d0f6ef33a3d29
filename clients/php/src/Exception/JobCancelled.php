<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** Somebody cancelled the job. */
final class JobCancelled extends Refused
{
}
