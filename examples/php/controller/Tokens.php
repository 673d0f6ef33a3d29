<?php

declare(strict_types=1);

namespace App;

/** Who may do what at the Acequia server, as tokens that it can check. They are short-lived, as none can be revoked. */
final class Tokens
{
    public function __construct(#[\SensitiveParameter] private readonly string $secret)
    {
    }

    /** A page watches the jobs of its user and hears the news; it submits nothing by itself. */
    public function forPage(string $user): string
    {
        return $this->mint("user-$user", 300, ['queues' => [], 'subscribe' => ['news']]);
    }

    /** This backend submits in the name of a user: whose the job is, may watch it. */
    public function forJobsOf(string $user): string
    {
        return $this->mint("user-$user", 60, ['queues' => ['reports'], 'subscribe' => []]);
    }

    /** This backend tells all pages something. */
    public function forNews(): string
    {
        return $this->mint('site', 60, ['queues' => [], 'subscribe' => [], 'publish' => ['news']]);
    }

    /** @param array<string, list<string>> $acequia */
    private function mint(string $sub, int $seconds, array $acequia): string
    {
        $claims = ['sub' => $sub, 'exp' => time() + $seconds, 'acequia' => $acequia];
        $text = self::part(json_encode(['alg' => 'HS256', 'typ' => 'JWT'])) . '.' . self::part(json_encode($claims, JSON_THROW_ON_ERROR));
        return $text . '.' . self::part(hash_hmac('sha256', $text, $this->secret, binary: true));
    }

    private static function part(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
