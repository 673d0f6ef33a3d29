<?php

/** Finds ReactPHP: where `tests/run` has put it, unless REACT_AUTOLOAD says another place. */

declare(strict_types=1);

require getenv('REACT_AUTOLOAD') ?: __DIR__ . '/../../../tests/.cache/react/vendor/autoload.php';

function default_loop(): React\EventLoop\LoopInterface
{
    return class_exists(React\EventLoop\Loop::class) ? React\EventLoop\Loop::get() : React\EventLoop\Factory::create();
}
