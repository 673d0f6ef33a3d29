<?php

declare(strict_types=1);

namespace Acequia\Client;

use Acequia\Exception\InvalidOption;
use Acequia\Exception\Refused;
use Acequia\Exception\Unreachable;
use Acequia\Worker\Clock;

/** Makes calls, and makes them again where that is safe and may help. */
final class Caller
{
    private const PAUSE_S_MIN = 0.1;
    private const PAUSE_S_MAX = 5.0;
    /** What the server, or something before it, answers when it could not take a call. */
    private const AGAIN = [429, 502, 503, 504];

    public function __construct(
        private readonly Transport $transport,
        private readonly string $server,
        #[\SensitiveParameter] private readonly ?string $token,
        private readonly float $timeout,
        private readonly int $retries,
    ) {
    }

    /**
     * @param array<string, string> $headers
     * @param bool $isSafe whether the call may be made again although the server may have had it
     * @param float $wait how long the server was asked to wait for something, in seconds
     * @param list<int> $alright statuses that are answers, beside those of success
     * @throws InvalidOption
     * @throws Refused
     * @throws Unreachable
     */
    public function call(
        string $method,
        string $path,
        array $headers = [],
        string $body = '',
        bool $isSafe = true,
        float $wait = 0.0,
        array $alright = [],
    ): Answer {
        if ($this->token !== null) {
            $headers['Authorization'] = "Bearer $this->token";
        }
        $lines = [];
        foreach ($headers as $name => $value) {
            if (preg_match('/[\x00-\x08\x0a-\x1f\x7f]/', $value) === 1) {
                throw new InvalidOption("`$name` cannot have a control character or a line end in it");
            }
            $lines[] = "$name: $value";
        }
        $until = Clock::now() + $wait;
        for ($attempt = 0;; $attempt++) {
            try {
                // A call that is made again waits no longer than the first would have.
                $timeout = $this->timeout + max(0.0, $until - Clock::now());
                $answer = $this->transport->send($method, $this->server . $path, $lines, $body, $timeout);
                if (intdiv($answer->status, 100) === 2 || in_array($answer->status, $alright, true)) {
                    return $answer;
                }
                $error = Refused::from($answer);
                $mayAgain = in_array($answer->status, self::AGAIN, true)
                    && ($isSafe || in_array($error->getCode(), ['rate_limited', 'queue_full', 'draining'], true));
            } catch (Unreachable $error) {
                $mayAgain = $isSafe || !$error->wasSent;
            }
            if (!$mayAgain || $attempt >= $this->retries) {
                throw $error;
            }
            $this->pause($attempt, $error instanceof Refused ? $error->retryAfterMs : null);
        }
    }

    private function pause(int $attempt, ?int $retryAfterMs): void
    {
        $ceiling = min(self::PAUSE_S_MIN * 2 ** $attempt, self::PAUSE_S_MAX);
        // Not all at the same moment, and none before the server asked for it.
        $seconds = ($retryAfterMs ?? 0) / 1000 + $ceiling * mt_rand() / mt_getrandmax();
        usleep((int) (min($seconds, 60.0) * 1e6));
    }
}
