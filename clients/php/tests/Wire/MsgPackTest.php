<?php

declare(strict_types=1);

namespace Acequia\Tests\Wire;

use Acequia\Wire\Binary;
use Acequia\Wire\Extension;
use Acequia\Wire\MsgPack;
use Acequia\Wire\MsgPackException;
use PHPUnit\Framework\TestCase;

final class MsgPackTest extends TestCase
{
    /** @dataProvider values */
    public function testAValueHasTheseBytes(mixed $value, string $hex): void
    {
        self::assertSame($hex, bin2hex(MsgPack::pack($value)));
        self::assertEquals($value, MsgPack::unpack(hex2bin($hex), assoc: false));
    }

    public static function values(): iterable
    {
        yield [null, 'c0'];
        yield [true, 'c3'];
        yield [false, 'c2'];
        $ints = [
            0 => '00', 127 => '7f', 128 => 'cc80', 255 => 'ccff', 256 => 'cd0100', 65535 => 'cdffff',
            65536 => 'ce00010000', 4294967295 => 'ceffffffff', 4294967296 => 'cf0000000100000000',
            PHP_INT_MAX => 'cf7fffffffffffffff', -1 => 'ff', -32 => 'e0', -33 => 'd0df', -128 => 'd080', -129 => 'd1ff7f',
            -32768 => 'd18000', -32769 => 'd2ffff7fff', -2147483648 => 'd280000000',
            -2147483649 => 'd3ffffffff7fffffff', PHP_INT_MIN => 'd38000000000000000',
        ];
        foreach ($ints as $int => $hex) {
            yield [$int, $hex];
        }
        yield [1.5, 'cb3ff8000000000000'];
        yield [INF, 'cb7ff0000000000000'];
        yield ['', 'a0'];
        yield ['grüße', 'a76772c3bcc39f65'];
        yield [str_repeat('a', 32), 'd920' . str_repeat('61', 32)];
        yield [str_repeat('a', 256), 'da0100' . str_repeat('61', 256)];
        yield [str_repeat('a', 65536), 'db00010000' . str_repeat('61', 65536)];
        yield 'bytes' => ["\xff\x00", 'c402ff00'];
        yield [str_repeat("\xff", 256), 'c50100' . str_repeat('ff', 256)];
        yield [str_repeat("\xff", 65536), 'c600010000' . str_repeat('ff', 65536)];
        yield [[], '90'];
        yield [new \stdClass(), '80'];
        yield [[1, ['x']], '920191a178'];
        yield [array_fill(0, 16, 0), 'dc0010' . str_repeat('00', 16)];
        yield [(object) ['a' => 1, 'b' => []], '82a16101a16290'];
        yield [(object) array_fill_keys(array_map(static fn (int $i) => chr(65 + $i), range(0, 15)), 0),
            'de0010' . implode(array_map(static fn (int $i) => 'a1' . dechex(65 + $i) . '00', range(0, 15)))];
        foreach ([1 => 'd4', 2 => 'd5', 4 => 'd6', 8 => 'd7', 16 => 'd8'] as $bytes => $byte) {
            yield [new Extension(-1, str_repeat('e', $bytes)), $byte . 'ff' . str_repeat('65', $bytes)];
        }
        yield [new Extension(5, 'abc'), 'c70305616263'];
    }

    public function testTheEmptyMapOfAHeadIsAMap(): void
    {
        self::assertSame("\x80", MsgPack::packMap([]));
    }

    public function testTextOfBytesIsBytesIfAskedFor(): void
    {
        self::assertSame("\xc4\x01a", MsgPack::pack(new Binary('a')));
    }

    public function testAnAssociativeArrayIsAMapAndComesBackAsOne(): void
    {
        $value = ['a' => ['b' => 1], 'c' => []];
        self::assertSame($value, MsgPack::unpack(MsgPack::pack($value)));
    }

    public function testOtherFormsAreRead(): void
    {
        self::assertSame(1.5, MsgPack::unpack("\xca\x3f\xc0\x00\x00"));
        self::assertSame(1.8446744073709552e19, MsgPack::unpack("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
        self::assertSame([1 => 'a'], MsgPack::unpack("\x81\x01\xa1a"));
        self::assertSame(['a' => 2], MsgPack::unpack("\x82\xa1a\x01\xa1a\x02"), 'the last one counts');
    }

    public function testNestingHasALimitBothWays(): void
    {
        $deep = str_repeat("\x91", 128) . "\xc0";
        self::assertSame($deep, MsgPack::pack(MsgPack::unpack($deep)));
        $value = [MsgPack::unpack($deep)];
        self::assertStringContainsString('128 levels', self::refusal(fn () => MsgPack::pack($value)));
        self::assertStringContainsString('128 levels', self::refusal(fn () => MsgPack::unpack("\x91$deep")));
        self::assertStringContainsString('128 levels', self::refusal(fn () => MsgPack::unpack(str_repeat("\x91", 200_000))));
    }

    /** @dataProvider bad */
    public function testWhatIsNoValueIsRefused(string $bytes, string $why): void
    {
        self::assertStringContainsString($why, self::refusal(fn () => MsgPack::unpack($bytes)));
    }

    public static function bad(): iterable
    {
        yield ['', 'cut off'];
        yield ["\xc1", '0xc1'];
        yield ["\xc0\xc0", 'more bytes'];
        yield ["\xa2a", 'cut off'];
        yield ["\xcd\x00", 'cut off'];
        yield ["\xa1\xff", 'not UTF-8'];
        yield ["\xdd\xff\xff\xff\xff", 'cut off'];
        yield ["\xdf\x7f\xff\xff\xff\xc0", 'cut off'];
        yield ["\x81\xc0\xc0", 'key of a map'];
    }

    public function testWhatHasNoFormIsRefused(): void
    {
        self::assertStringContainsString('Closure', self::refusal(fn () => MsgPack::pack([fn () => 1])));
    }

    private static function refusal(callable $call): string
    {
        try {
            $call();
        } catch (MsgPackException $error) {
            return $error->getMessage();
        }
        return 'it was not refused';
    }
}
