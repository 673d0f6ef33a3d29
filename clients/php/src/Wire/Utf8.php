<?php

declare(strict_types=1);

namespace Acequia\Wire;

/** Text as both protocols have it: UTF-8, cut between characters. Needs no ext-mbstring. */
final class Utf8
{
    private function __construct()
    {
    }

    public static function isValid(string $text): bool
    {
        return preg_match('//u', $text) === 1;
    }

    /** The text; what is no UTF-8 in it becomes U+FFFD. */
    public static function mended(string $text): string
    {
        if (self::isValid($text)) {
            return $text;
        }
        return (string) json_decode((string) json_encode($text, JSON_INVALID_UTF8_SUBSTITUTE));
    }

    /** The mended text, of at most so many bytes. */
    public static function cut(string $text, int $bytesMax): string
    {
        // Of a text without end, no more is mended than can be left of it.
        $text = self::mended(substr($text, 0, $bytesMax + 4));
        if (strlen($text) <= $bytesMax) {
            return $text;
        }
        $end = $bytesMax;
        while ($end > 0 && (ord($text[$end]) & 0xC0) === 0x80) {
            $end--;
        }
        return substr($text, 0, $end);
    }
}
