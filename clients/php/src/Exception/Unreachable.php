<?php

declare(strict_types=1);

namespace Acequia\Exception;

/** No answer came. */
final class Unreachable extends \RuntimeException implements AcequiaException
{
    /** @param bool $wasSent whether the server may have had the call all the same */
    public function __construct(string $message, public readonly bool $wasSent)
    {
        parent::__construct($message);
    }
}
