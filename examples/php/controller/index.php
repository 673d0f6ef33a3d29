<?php

// What a framework does for its controllers: settings, a session, who is signed in, and the way to each.

declare(strict_types=1);

namespace App;

use Acequia\Exception\AcequiaException;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\RedirectResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;

require __DIR__ . '/../autoload.php';
foreach (['Tokens', 'TokenController', 'ReportController'] as $class) {
    require __DIR__ . "/$class.php";
}

$server = getenv('ACEQUIA_SERVER') ?: 'http://127.0.0.1:8080';
$public = getenv('ACEQUIA_PUBLIC') ?: $server; // where pages reach it
$secret = trim(file_get_contents(getenv('ACEQUIA_JWT_SECRET_FILE') ?: __DIR__ . '/../jwt-secret'));
$tokens = new Tokens($secret);

$request = Request::createFromGlobals();
$request->setSession(new Session(new NativeSessionStorage(['cookie_httponly' => true, 'cookie_samesite' => 'Lax'])));

$routes = [
    'GET /token' => [new TokenController($tokens), 'show'],
    'POST /reports' => [new ReportController($server, $tokens), 'store'],
    'POST /news' => [new ReportController($server, $tokens), 'announce'],
];

$view = static function (string $name, array $with = []): Response {
    extract($with);
    ob_start();
    require __DIR__ . "/views/$name.php";
    return new Response((string) ob_get_clean());
};

$asked = "{$request->getMethod()} {$request->getPathInfo()}";
$user = $request->getSession()->get('user');
if ($asked === 'POST /login') {
    // Whoever says a name is believed: here your framework asks for a password.
    $request->getSession()->migrate(true);
    $request->getSession()->set('user', (string) $request->request->get('name'));
    $response = new RedirectResponse('/', 303);
} elseif ($user === null) {
    $response = $asked === 'GET /' ? $view('login') : new JsonResponse(['error' => 'sign in first'], 401);
} elseif ($asked === 'GET /') {
    $response = $view('page', ['settings' => ['acequia' => $public], 'user' => $user]);
} elseif (isset($routes[$asked])) {
    try {
        $response = $routes[$asked]($request);
    } catch (AcequiaException $error) {
        $response = new JsonResponse(['error' => $error->getMessage()], 503);
    }
} else {
    $response = new JsonResponse(['error' => "there is no $asked"], 404);
}
$response->prepare($request)->send();
