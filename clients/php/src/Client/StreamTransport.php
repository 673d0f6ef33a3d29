<?php

declare(strict_types=1);

namespace Acequia\Client;

use Acequia\Exception\Unreachable;

/** Calls by PHP's own streams, a connection each: for where ext-curl is missing. Needs `allow_url_fopen`. */
final class StreamTransport implements Transport
{
    public function send(string $method, string $url, array $headers, string $body, float $timeout): Answer
    {
        $context = stream_context_create(['http' => [
            'method' => $method,
            'header' => [...$headers, 'Connection: close'],
            'content' => $body,
            'timeout' => $timeout,
            'protocol_version' => 1.1,
            'ignore_errors' => true,
            'follow_location' => 0,
        ]]);
        $stream = @fopen($url, 'r', false, $context);
        if ($stream === false) {
            throw new Unreachable("no answer from $url: " . (error_get_last()['message'] ?? ''), true);
        }
        $answer = stream_get_contents($stream);
        $meta = stream_get_meta_data($stream);
        fclose($stream);
        if ($answer === false || $meta['timed_out']) {
            throw new Unreachable("no whole answer from $url within $timeout s", true);
        }
        $read = Answer::read($meta['wrapper_data'], $answer);
        $length = $read->header('content-length');
        return $length === null || strlen($answer) >= (int) $length
            ? $read
            : throw new Unreachable("the answer from $url was cut off", true);
    }
}
