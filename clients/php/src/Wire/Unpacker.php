<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** Reads MessagePack: {@see MsgPack}. */
final class Unpacker
{
    private int $at = 0;

    public function __construct(private readonly string $bytes, private readonly bool $assoc)
    {
    }

    /** The one value that the bytes are. */
    public function single(): mixed
    {
        $value = $this->value(0);
        if ($this->at !== strlen($this->bytes)) {
            throw new MsgPackException('more bytes follow the value');
        }
        return $value;
    }

    private function value(int $depth): mixed
    {
        $byte = ord($this->take(1));
        return match (true) {
            $byte < 0x80 => $byte,
            $byte < 0x90 => $this->map($byte & 0x0F, $depth),
            $byte < 0xA0 => $this->list($byte & 0x0F, $depth),
            $byte < 0xC0 => $this->str($byte & 0x1F),
            $byte >= 0xE0 => $byte - 0x100,
            default => $this->long($byte, $depth),
        };
    }

    private function long(int $byte, int $depth): mixed
    {
        return match ($byte) {
            0xC0 => null,
            0xC2 => false,
            0xC3 => true,
            0xC4 => $this->take($this->unsigned(1)),
            0xC5 => $this->take($this->unsigned(2)),
            0xC6 => $this->take($this->unsigned(4)),
            0xC7 => $this->extension($this->unsigned(1)),
            0xC8 => $this->extension($this->unsigned(2)),
            0xC9 => $this->extension($this->unsigned(4)),
            0xCA => unpack('G', $this->take(4))[1],
            0xCB => unpack('E', $this->take(8))[1],
            0xCC => $this->unsigned(1),
            0xCD => $this->unsigned(2),
            0xCE => $this->unsigned(4),
            0xCF => $this->unsigned64(),
            0xD0 => $this->signed(1),
            0xD1 => $this->signed(2),
            0xD2 => $this->signed(4),
            0xD3 => unpack('J', $this->take(8))[1],
            0xD4, 0xD5, 0xD6, 0xD7, 0xD8 => $this->extension(1 << ($byte - 0xD4)),
            0xD9 => $this->str($this->unsigned(1)),
            0xDA => $this->str($this->unsigned(2)),
            0xDB => $this->str($this->unsigned(4)),
            0xDC => $this->list($this->unsigned(2), $depth),
            0xDD => $this->list($this->unsigned(4), $depth),
            0xDE => $this->map($this->unsigned(2), $depth),
            0xDF => $this->map($this->unsigned(4), $depth),
            default => throw new MsgPackException(sprintf('the byte 0x%02x begins no value', $byte)),
        };
    }

    private function take(int $bytes): string
    {
        if ($bytes > strlen($this->bytes) - $this->at) {
            throw new MsgPackException('the value is cut off');
        }
        $taken = substr($this->bytes, $this->at, $bytes);
        $this->at += $bytes;
        return $taken;
    }

    private function unsigned(int $bytes): int
    {
        return unpack([1 => 'C', 2 => 'n', 4 => 'N'][$bytes], $this->take($bytes))[1];
    }

    private function signed(int $bytes): int
    {
        $value = $this->unsigned($bytes);
        $sign = 1 << ($bytes * 8 - 1);
        return $value < $sign ? $value : $value - 2 * $sign;
    }

    private function unsigned64(): int|float
    {
        $value = unpack('J', $this->take(8))[1];
        return $value >= 0 ? $value : $value + 2.0 ** 64;
    }

    private function str(int $bytes): string
    {
        $text = $this->take($bytes);
        if (!Utf8::isValid($text)) {
            throw new MsgPackException('a text is not UTF-8');
        }
        return $text;
    }

    private function extension(int $bytes): Extension
    {
        $type = $this->signed(1);
        return new Extension($type, $this->take($bytes));
    }

    /** @return list<mixed> */
    private function list(int $count, int $depth): array
    {
        $this->check($count, $depth);
        $list = [];
        for ($i = 0; $i < $count; $i++) {
            $list[] = $this->value($depth + 1);
        }
        return $list;
    }

    /** @return array<mixed>|\stdClass */
    private function map(int $count, int $depth): array|\stdClass
    {
        $this->check(2 * $count, $depth);
        $map = [];
        for ($i = 0; $i < $count; $i++) {
            $key = $this->value($depth + 1);
            if (!is_string($key) && !is_int($key)) {
                throw new MsgPackException('the key of a map must be a text or an integer, not ' . get_debug_type($key));
            }
            $map[$key] = $this->value($depth + 1);
        }
        return $this->assoc ? $map : (object) $map;
    }

    /** An announced number of items is not believed if the bytes cannot hold them. */
    private function check(int $items, int $depth): void
    {
        if ($depth >= Limits::NESTING_MAX) {
            throw new MsgPackException('the value is nested more than ' . Limits::NESTING_MAX . ' levels deep');
        }
        if ($items > strlen($this->bytes) - $this->at) {
            throw new MsgPackException('the value is cut off');
        }
    }
}
