<?php

declare(strict_types=1);

require __DIR__ . '/../autoload.php';

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Acequia\\Tests\\')) {
        require __DIR__ . '/' . strtr(substr($class, 14), '\\', '/') . '.php';
    }
});

// No setting of the caller's reaches what is tested.
foreach (array_keys(getenv()) as $name) {
    if (str_starts_with($name, 'ACEQUIA_') && $name !== 'ACEQUIA_BIN') {
        putenv($name);
    }
}
