<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** Bytes that are no MessagePack value, or a value that cannot be written as one. */
final class MsgPackException extends \RuntimeException
{
}
