<?php

/**
 * Loads the classes of this package, for programs that do without Composer:
 * `require '/path/to/acequia/autoload.php';`
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (!str_starts_with($class, 'Acequia\\')) {
        return;
    }
    $file = __DIR__ . '/src/' . strtr(substr($class, 8), '\\', '/') . '.php';
    if (is_file($file)) {
        require $file;
    }
});
