<?php

declare(strict_types=1);

namespace Acequia\Tests\Wire;

use Acequia\Wire\Utf8;
use PHPUnit\Framework\TestCase;

final class Utf8Test extends TestCase
{
    public function testWhatIsNoUtf8IsReplaced(): void
    {
        self::assertSame("caf\u{FFFD}", Utf8::mended("caf\xe9"));
        self::assertTrue(Utf8::isValid(Utf8::mended("a lone surrogate \xed\xa0\x80, \xff and \xf4\x90\x80\x80")));
        $text = "quotes \" ' \\ / & < > \u{1F600} \0 \n";
        self::assertSame($text, Utf8::mended($text));
        self::assertSame("$text\u{FFFD}", Utf8::mended("$text\xff"));
    }

    public function testItIsCutBetweenCharacters(): void
    {
        self::assertSame('abc', Utf8::cut('abc', 3));
        self::assertSame('ab', Utf8::cut('abc', 2));
        self::assertSame('é', Utf8::cut('ééé', 3));
        self::assertSame('', Utf8::cut("\u{1F600}", 3));
        self::assertSame(str_repeat("\u{FFFD}", 33), Utf8::cut(str_repeat("\xff", 1000), 100));
    }
}
