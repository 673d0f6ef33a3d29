<?php

declare(strict_types=1);

namespace Acequia\Client;

/** What the server answered to a call. */
final class Answer
{
    /** @param array<string, string> $headers by name, in lower case */
    public function __construct(
        public readonly int $status,
        private readonly array $headers,
        public readonly string $body,
    ) {
    }

    /**
     * @param list<string> $lines of a head, or of several: what counts is the last
     * @param string $body
     */
    public static function read(array $lines, string $body): self
    {
        $status = 0;
        $headers = [];
        foreach ($lines as $line) {
            if (preg_match('~\AHTTP/\S+ (\d{3})~', $line, $found) === 1) {
                [$status, $headers] = [(int) $found[1], []];
            } elseif (str_contains($line, ':')) {
                [$name, $value] = explode(':', $line, 2);
                $headers[strtolower($name)] = trim($value);
            }
        }
        return new self($status, $headers, $body);
    }

    public function header(string $name): ?string
    {
        return $this->headers[$name] ?? null;
    }
}
