<?php

declare(strict_types=1);

namespace Acequia\Client;

use Acequia\Exception\Unreachable;

/** How a call reaches the server. */
interface Transport
{
    /**
     * @param list<string> $headers lines
     * @param float $timeout seconds
     * @throws Unreachable if no answer came
     */
    public function send(string $method, string $url, array $headers, string $body, float $timeout): Answer;
}
