<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** The wait is over, and the job is not. */
final class NotEnded extends Refused
{
}
