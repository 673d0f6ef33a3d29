<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** An option of a worker or a client that cannot be used: it is the program, or its environment, that is to be mended. */
final class InvalidOption extends \InvalidArgumentException implements AcequiaException
{
}
