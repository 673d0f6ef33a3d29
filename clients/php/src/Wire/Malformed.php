<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** A message of the server that cannot be understood: the lane is to be begun anew. */
final class Malformed extends \RuntimeException
{
}
