<?php

declare(strict_types=1);

// With Composer: its autoloader. In this repository: the package beside it, and Debian's own of Symfony.
if (is_file(__DIR__ . '/vendor/autoload.php')) {
    require __DIR__ . '/vendor/autoload.php';
} else {
    require __DIR__ . '/../../clients/php/autoload.php';
    @include_once 'Symfony/Component/HttpFoundation/autoload.php'; // for controller/ alone
}
