<?php

declare(strict_types=1);

namespace Acequia\Worker;

use Acequia\Exception\InvalidOption;

/** The two endpoints of a server. */
final class Server
{
    private function __construct(public readonly string $jobs, public readonly string $results)
    {
    }

    /**
     * Servers of two lists, paired by position.
     *
     * @param string|list<string> $jobs one, a list, or a text of several with commas
     * @param string|list<string> $results
     * @return non-empty-list<self>
     */
    public static function all(string|array $jobs, string|array $results): array
    {
        $jobs = self::endpoints('jobs', $jobs);
        $results = self::endpoints('results', $results);
        if (count($jobs) !== count($results)) {
            throw new InvalidOption(sprintf(
                'there are %d endpoints for jobs and %d for results (ACEQUIA_JOBS and ACEQUIA_RESULTS, if not given '
                . 'in code); each server has one of both, in the same order',
                count($jobs),
                count($results),
            ));
        }
        return array_map(static fn (string $jobs, string $results) => new self($jobs, $results), $jobs, $results);
    }

    /**
     * @param string|list<string> $given
     * @return non-empty-list<string>
     */
    private static function endpoints(string $name, string|array $given): array
    {
        $endpoints = array_map(trim(...), is_array($given) ? $given : explode(',', $given));
        foreach ($endpoints as $endpoint) {
            if (preg_match('~\A(tcp://[^\s/]*[^\s/*:]:(?!0+\z)\d{1,5}|ipc://.+)\z~', $endpoint) !== 1) {
                throw new InvalidOption(
                    "the $name endpoint `$endpoint` cannot be dialled; expected is tcp://HOST:PORT or ipc://PATH, "
                    . 'such as tcp://127.0.0.1:5557 or ipc:///run/acequia/jobs'
                );
            }
        }
        return $endpoints ?: throw new InvalidOption("there is no $name endpoint; give one, such as tcp://127.0.0.1:5557");
    }
}
