<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** Writes MessagePack: {@see MsgPack}. */
final class Packer
{
    private function __construct()
    {
    }

    public static function value(mixed $value, int $depth): string
    {
        return match (true) {
            $value === null => "\xc0",
            $value === false => "\xc2",
            $value === true => "\xc3",
            is_int($value) => self::int($value),
            is_float($value) => "\xcb" . pack('E', $value),
            is_string($value) => Utf8::isValid($value) ? self::str($value) : self::bin($value),
            is_array($value) => array_is_list($value) ? self::list($value, $depth) : self::map($value, $depth),
            $value instanceof \stdClass => self::map(get_object_vars($value), $depth),
            $value instanceof Binary => self::bin($value->bytes),
            $value instanceof Extension => self::extension($value),
            default => throw new MsgPackException('MessagePack has no form for ' . get_debug_type($value)),
        };
    }

    /** @param array<mixed> $map */
    public static function map(array $map, int $depth): string
    {
        self::check($depth);
        $count = count($map);
        $out = match (true) {
            $count < 16 => chr(0x80 | $count),
            $count < 0x10000 => "\xde" . pack('n', $count),
            default => "\xdf" . pack('N', $count),
        };
        foreach ($map as $key => $item) {
            $out .= self::value((string) $key, 0) . self::value($item, $depth + 1);
        }
        return $out;
    }

    /** @param list<mixed> $list */
    private static function list(array $list, int $depth): string
    {
        self::check($depth);
        $count = count($list);
        $out = match (true) {
            $count < 16 => chr(0x90 | $count),
            $count < 0x10000 => "\xdc" . pack('n', $count),
            default => "\xdd" . pack('N', $count),
        };
        foreach ($list as $item) {
            $out .= self::value($item, $depth + 1);
        }
        return $out;
    }

    private static function check(int $depth): void
    {
        if ($depth >= Limits::NESTING_MAX) {
            throw new MsgPackException('the value is nested more than ' . Limits::NESTING_MAX . ' levels deep');
        }
    }

    private static function int(int $value): string
    {
        if ($value >= 0) {
            return match (true) {
                $value < 0x80 => chr($value),
                $value < 0x100 => "\xcc" . chr($value),
                $value < 0x10000 => "\xcd" . pack('n', $value),
                $value < 0x100000000 => "\xce" . pack('N', $value),
                default => "\xcf" . pack('J', $value),
            };
        }
        return match (true) {
            $value >= -0x20 => chr($value & 0xFF),
            $value >= -0x80 => "\xd0" . chr($value & 0xFF),
            $value >= -0x8000 => "\xd1" . pack('n', $value & 0xFFFF),
            $value >= -0x80000000 => "\xd2" . pack('N', $value & 0xFFFFFFFF),
            default => "\xd3" . pack('J', $value),
        };
    }

    private static function str(string $text): string
    {
        $bytes = strlen($text);
        return match (true) {
            $bytes < 32 => chr(0xA0 | $bytes),
            $bytes < 0x100 => "\xd9" . chr($bytes),
            $bytes < 0x10000 => "\xda" . pack('n', $bytes),
            default => "\xdb" . pack('N', $bytes),
        } . $text;
    }

    private static function bin(string $data): string
    {
        $bytes = strlen($data);
        return match (true) {
            $bytes < 0x100 => "\xc4" . chr($bytes),
            $bytes < 0x10000 => "\xc5" . pack('n', $bytes),
            default => "\xc6" . pack('N', $bytes),
        } . $data;
    }

    private static function extension(Extension $value): string
    {
        $bytes = strlen($value->bytes);
        return match (true) {
            in_array($bytes, [1, 2, 4, 8, 16], true) => chr(0xD4 + (int) log($bytes, 2)),
            $bytes < 0x100 => "\xc7" . chr($bytes),
            $bytes < 0x10000 => "\xc8" . pack('n', $bytes),
            default => "\xc9" . pack('N', $bytes),
        } . chr($value->type & 0xFF) . $value->bytes;
    }
}
