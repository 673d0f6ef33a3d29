<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Tests\Harness\Patience;
use Acequia\Worker\Outbox;
use PHPUnit\Framework\TestCase;

/** How what waits is packed, over real sockets. */
final class OutboxTest extends TestCase
{
    private \ZMQSocket $push;
    private \ZMQSocket $pull;

    protected function setUp(): void
    {
        $context = new \ZMQContext(1, false);
        $this->pull = new \ZMQSocket($context, \ZMQ::SOCKET_PULL);
        $this->push = new \ZMQSocket($context, \ZMQ::SOCKET_PUSH);
        $this->push->setSockOpt(\ZMQ::SOCKOPT_SNDHWM, 2);
        $this->pull->setSockOpt(\ZMQ::SOCKOPT_RCVHWM, 1);
    }

    private function connect(): void
    {
        $this->pull->bind('inproc://outbox');
        $this->push->connect('inproc://outbox');
    }

    /** @return list<string> */
    private static function message(int $bytes): array
    {
        return ['chunk', str_repeat("\1", 16), '', str_repeat('x', $bytes)];
    }

    public function testNothingIsLostWhereTheSocketTakesNoMore(): void
    {
        $outbox = new Outbox();
        foreach (range(1, 10) as $_) {
            $outbox->push(self::message(200_000));
        }
        self::assertFalse($outbox->flush($this->push, 8 << 20), 'there is no connection');
        $this->connect();
        $bodies = 0;
        do {
            $outbox->flush($this->push, 8 << 20);
            while (($frames = $this->pull->recvMulti(\ZMQ::MODE_NOBLOCK)) !== false) {
                self::assertCount(4, $frames, 'two of them are over the size of a pack');
                $bodies += strlen($frames[3]);
            }
        } while (!$outbox->isEmpty());
        self::assertSame(2_000_000, $bodies);
    }

    public function testAPackIsBoundedInMessagesAndBytes(): void
    {
        $this->connect();
        $outbox = new Outbox();
        foreach (range(1, 1500) as $_) {
            $outbox->push(self::message(1));
        }
        self::assertTrue($outbox->isFull());
        $outbox->push(self::message(1 << 20));
        self::assertTrue($outbox->flush($this->push, 8 << 20));
        self::assertSame([1024, 476, 1], $this->packs($outbox, 3));
        self::assertFalse($outbox->isFull());

        foreach ([100, 100, 100] as $bytes) {
            $outbox->push(self::message($bytes));
        }
        $outbox->flush($this->push, 250);
        self::assertSame([1, 1, 1], $this->packs($outbox, 3, 250), 'of a server that takes little');
    }

    public function testWhatIsLargeFillsIt(): void
    {
        $outbox = new Outbox();
        $outbox->push(self::message(5 << 20));
        self::assertTrue($outbox->isFull());
        $outbox->clear();
        self::assertFalse($outbox->isFull());
        self::assertTrue($outbox->isEmpty());
    }

    /** @return list<int> how many messages each of so many ZeroMQ messages holds */
    private function packs(Outbox $outbox, int $count, int $bytesMax = 8 << 20): array
    {
        $packs = [];
        Patience::until(function () use ($outbox, $count, $bytesMax, &$packs): bool {
            $outbox->flush($this->push, $bytesMax);
            while (($frames = $this->pull->recvMulti(\ZMQ::MODE_NOBLOCK)) !== false) {
                $packs[] = intdiv(count($frames), 4);
            }
            return count($packs) >= $count;
        }, "$count messages");
        return $packs;
    }
}
