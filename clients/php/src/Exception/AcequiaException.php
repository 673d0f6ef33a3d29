<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** All that this package throws at whoever runs a worker or calls a server. (A handler throws what it likes.) */
interface AcequiaException extends \Throwable
{
}
