<?php

declare(strict_types=1);

namespace App;

use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

final class TokenController
{
    public function __construct(private readonly Tokens $tokens)
    {
    }

    /** The page asks for one at each connection, and before the last one is over. */
    public function show(Request $request): Response
    {
        $token = $this->tokens->forPage($request->getSession()->get('user'));
        return new Response($token, headers: ['Content-Type' => 'text/plain', 'Cache-Control' => 'no-store']);
    }
}
