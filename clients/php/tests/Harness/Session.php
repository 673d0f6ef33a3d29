<?php

declare(strict_types=1);

namespace Acequia\Tests\Harness;

/** A client on a WebSocket, for what only a session is told. It sends and reads texts of less than 64 KiB. */
final class Session
{
    /** @var resource */
    private $stream;

    public function __construct(Server $server)
    {
        $this->stream = stream_socket_client("tcp://$server->http", timeout: Patience::SECONDS);
        stream_set_timeout($this->stream, Patience::SECONDS);
        $key = base64_encode(random_bytes(16));
        fwrite($this->stream, "GET /v1/ws HTTP/1.1\r\nHost: $server->http\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Key: $key\r\nSec-WebSocket-Version: 13\r\n\r\n");
        do {
            $line = fgets($this->stream);
        } while ($line !== "\r\n" && $line !== false);
    }

    /** @param array<string, mixed> $op */
    public function send(array $op): void
    {
        $text = json_encode($op, JSON_THROW_ON_ERROR);
        // The mask may be anything; of zeros, it changes nothing.
        $length = strlen($text) < 126 ? chr(0x80 | strlen($text)) : "\xfe" . pack('n', strlen($text));
        fwrite($this->stream, "\x81$length\0\0\0\0$text");
    }

    /**
     * The next event of this name; others before it are passed over.
     *
     * @return array<string, mixed>
     */
    public function event(string $name): array
    {
        do {
            [$opcode, $length] = array_values(unpack('C2', $this->read(2)));
            $length = $length === 126 ? unpack('n', $this->read(2))[1] : $length;
            $text = $this->read($length);
            $event = ($opcode & 0x0F) === 1 ? json_decode($text, true, flags: JSON_THROW_ON_ERROR) : [];
        } while (($event['ev'] ?? null) !== $name);
        return $event;
    }

    private function read(int $bytes): string
    {
        $read = '';
        while (strlen($read) < $bytes) {
            $more = fread($this->stream, $bytes - strlen($read));
            $read .= $more !== false && $more !== ''
                ? $more
                : throw new \RuntimeException('the server says nothing more to this session');
        }
        return $read;
    }
}
