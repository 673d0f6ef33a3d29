<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** The server begins a lane. */
final class Hello
{
    /**
     * @param string $lane 16 bytes, as good as a secret
     * @param int $maxBody the largest result or chunk that the server takes, in bytes
     */
    public function __construct(
        public readonly string $lane,
        public readonly string $nonce,
        public readonly int $maxBody,
        public readonly string $server,
    ) {
    }

    public static function read(string $lane, Head $head): self
    {
        if ($head->integer('v') !== Limits::VERSION) {
            throw new Malformed('`v` must be ' . Limits::VERSION . '; this package speaks no other version');
        }
        return new self(
            $lane,
            $head->bytes('nonce', Limits::NONCE_BYTES),
            $head->integer('max_body') ?? throw new Malformed('`max_body` is missing'),
            $head->text('server', ''),
        );
    }

    /** The proof that this worker knows the token: HMAC-SHA-256 of the nonce and the lane. */
    public function proof(string $token): string
    {
        return hash_hmac('sha256', $this->nonce . $this->lane, $token, true);
    }
}
