<?php

declare(strict_types=1);

namespace Acequia\Forked;

/**
 * One end of a pair of sockets between two processes of a worker. A message is a list of frames:
 * their number, their lengths, each in 32 bits, and the frames.
 */
final class Channel
{
    private const READ_BYTES = 65_536;

    private string $in = '';
    private string $out = '';

    /** @param resource $stream */
    public function __construct(private $stream)
    {
        stream_set_read_buffer($stream, 0);
        stream_set_write_buffer($stream, 0);
        // Silence is no reason to give up; the option knows no "never".
        stream_set_timeout($stream, 1 << 30);
    }

    /** @return array{self, self} */
    public static function pair(): array
    {
        $pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        return $pair !== false
            ? [new self($pair[0]), new self($pair[1])]
            : throw new \RuntimeException('no pair of sockets could be made: ' . (error_get_last()['message'] ?? ''));
    }

    /** @return resource */
    public function stream()
    {
        return $this->stream;
    }

    public function close(): void
    {
        fclose($this->stream);
    }

    /** Whether reading and writing wait. */
    public function wait(bool $waits): void
    {
        stream_set_blocking($this->stream, $waits);
    }

    /** Forgets what was only begun to be read or written. */
    public function reset(): void
    {
        $this->in = $this->out = '';
    }

    /** Throws away what the other end has sent. The stream must not wait. */
    public function drain(): void
    {
        while ($this->read()) {
            $this->in = '';
        }
        $this->in = '';
    }

    public function push(string ...$frames): void
    {
        $this->out .= pack('N*', count($frames), ...array_map(strlen(...), $frames)) . implode($frames);
        $this->flush();
    }

    public function hasUnsent(): bool
    {
        return $this->out !== '';
    }

    /** Writes what it can; all, if the stream waits and the other end lives. */
    public function flush(): void
    {
        $at = 0;
        while ($at < strlen($this->out)) {
            // A reader that is gone is seen by who reads.
            $written = @fwrite($this->stream, $at === 0 ? $this->out : substr($this->out, $at));
            if ($written === false || $written === 0) {
                break;
            }
            $at += $written;
        }
        $this->out = substr($this->out, $at);
    }

    /** Reads what is there; of a stream that waits, at least something. False if there is nothing more. */
    public function read(): bool
    {
        $read = @fread($this->stream, self::READ_BYTES);
        $this->in .= $read;
        return $read !== false && $read !== '';
    }

    public function isClosed(): bool
    {
        return feof($this->stream);
    }

    /** @return ?list<string> the frames of the next message that was read */
    public function take(): ?array
    {
        $have = strlen($this->in);
        if ($have < 4) {
            return null;
        }
        $count = unpack('N', $this->in)[1];
        $at = 4 * (1 + $count);
        if ($have < $at) {
            return null;
        }
        $lengths = array_values(unpack("N$count", $this->in, 4));
        if ($have < $at + array_sum($lengths)) {
            return null;
        }
        $frames = [];
        foreach ($lengths as $length) {
            $frames[] = substr($this->in, $at, $length);
            $at += $length;
        }
        $this->in = substr($this->in, $at);
        return $frames;
    }

    /** @return ?list<string> the next message, waited for; `null` if the other end is gone */
    public function next(): ?array
    {
        while (($message = $this->take()) === null) {
            // A signal may cut the wait short.
            if (!$this->read() && $this->isClosed()) {
                return null;
            }
        }
        return $message;
    }
}
