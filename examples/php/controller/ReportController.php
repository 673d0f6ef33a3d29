<?php

declare(strict_types=1);

namespace App;

use Acequia\Client;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;

final class ReportController
{
    public function __construct(private readonly string $server, private readonly Tokens $tokens)
    {
    }

    /** Submits in the name of the user, and does not wait: the user's page watches the job by its id. */
    public function store(Request $request): JsonResponse
    {
        $asked = json_decode($request->getContent(), true);
        $rows = $asked['rows'] ?? null;
        if (!is_int($rows) || $rows < 1 || $rows > 1000) {
            return new JsonResponse(['error' => 'rows is a whole number from 1 to 1000'], 400);
        }
        $user = $request->getSession()->get('user');
        $job = $this->acequia($this->tokens->forJobsOf($user))
            // With the page's own key, a report that is sent twice is one job.
            ->submit('reports', ['rows' => $rows], key: (string) $asked['key'], attempts: 3);
        return new JsonResponse(['job' => $job->id], 202);
    }

    /** Tells all pages something. */
    public function announce(Request $request): JsonResponse
    {
        $text = (string) (json_decode($request->getContent(), true)['text'] ?? '');
        $user = $request->getSession()->get('user');
        $pages = $this->acequia($this->tokens->forNews())->publish('news', ['from' => $user, 'text' => $text]);
        return new JsonResponse(['pages' => $pages]);
    }

    private function acequia(string $token): Client
    {
        return new Client($this->server, $token);
    }
}
