<?php

declare(strict_types=1);

namespace Acequia\Worker;

/** What workers of all kinds have in common: what they do for which queue. */
abstract class Serving
{
    protected function __construct(protected readonly Options $options)
    {
        if (!extension_loaded('zmq')) {
            throw new \Acequia\Exception\InvalidOption(
                'a worker needs the extension zmq (Debian: apt install php-zmq; elsewhere: pecl install zmq-beta)'
            );
        }
    }

    /**
     * Serves a queue. What the handler returns is the job's result; see {@see \Acequia\Reply}.
     *
     * @param callable(\Acequia\Job): mixed $handler
     * @return $this
     */
    public function queue(string $name, callable $handler): static
    {
        $this->options->serve($name, $handler(...));
        return $this;
    }
}
