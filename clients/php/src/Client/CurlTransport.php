<?php

declare(strict_types=1);

namespace Acequia\Client;

use Acequia\Exception\Unreachable;

/** Calls by ext-curl, which keeps its connection. */
final class CurlTransport implements Transport
{
    private readonly \CurlHandle $curl;

    public function __construct()
    {
        $this->curl = curl_init();
    }

    public function send(string $method, string $url, array $headers, string $body, float $timeout): Answer
    {
        $lines = [];
        curl_reset($this->curl);
        curl_setopt_array($this->curl, [
            CURLOPT_URL => $url,
            CURLOPT_CUSTOMREQUEST => $method,
            // Without `Expect`, a large body does not wait for a word of the server first.
            CURLOPT_HTTPHEADER => [...$headers, 'Expect:'],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_PATH_AS_IS => true,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_TIMEOUT_MS => max(1, (int) ($timeout * 1000)),
            CURLOPT_HEADERFUNCTION => static function (\CurlHandle $curl, string $line) use (&$lines): int {
                $lines[] = $line;
                return strlen($line);
            },
        ]);
        if ($method === 'POST') {
            curl_setopt($this->curl, CURLOPT_POSTFIELDS, $body);
        }
        $answer = curl_exec($this->curl);
        if (!is_string($answer)) {
            $never = [CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT];
            $wasSent = !in_array(curl_errno($this->curl), $never, true);
            throw new Unreachable("no answer from $url: " . curl_error($this->curl), $wasSent);
        }
        return Answer::read($lines, $answer);
    }
}
