<?php

declare(strict_types=1);

namespace Acequia\Wire;

/**
 * MessagePack, without an extension.
 *
 * | PHP | MessagePack |
 * |---|---|
 * | a list, and `[]` | array |
 * | any other array, `stdClass` | map; its keys are read as strings, but PHP makes `'1'` the number 1 |
 * | string | `str` if it is UTF-8, else `bin`; `bin` also from {@see Binary} |
 * | int, float | the shortest form of the integer; 64 bits of float |
 *
 * An unsigned integer beyond 63 bits is read as a float, as `json_decode` does.
 */
final class MsgPack
{
    private function __construct()
    {
    }

    /** @throws MsgPackException if the value is nested too deep, or holds an object or a resource */
    public static function pack(mixed $value): string
    {
        return Packer::value($value, 0);
    }

    /**
     * A head: always a map, also if it is empty.
     *
     * @param array<string, mixed> $map
     */
    public static function packMap(array $map): string
    {
        return Packer::map($map, 0);
    }

    /**
     * @param bool $assoc whether maps are read as arrays, or as objects (`stdClass`), which also tells
     *     an empty one from an empty array
     * @throws MsgPackException if the bytes are not one value of MessagePack, or nested too deep
     */
    public static function unpack(string $bytes, bool $assoc = true): mixed
    {
        return (new Unpacker($bytes, $assoc))->single();
    }
}
