<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** A worker that cannot go on, such as one whose process for new processes was killed. Start it again. */
final class WorkerDied extends \RuntimeException implements AcequiaException
{
}
