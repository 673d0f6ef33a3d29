<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Exception\InvalidOption;
use Acequia\Worker\Options;
use Acequia\Worker\Server;
use PHPUnit\Framework\TestCase;

final class OptionsTest extends TestCase
{
    private const VARIABLES = [
        'ACEQUIA_JOBS', 'ACEQUIA_RESULTS', 'ACEQUIA_SLOTS', 'ACEQUIA_NAME', 'ACEQUIA_WORKER_TOKEN_FILE',
    ];

    protected function tearDown(): void
    {
        array_map(putenv(...), self::VARIABLES);
    }

    public function testWithoutAnything(): void
    {
        $options = new Options();
        self::assertEquals(Server::all('tcp://127.0.0.1:5557', 'tcp://127.0.0.1:5558'), $options->servers);
        self::assertSame([1, null], [$options->slots, $options->token]);
        self::assertStringEndsWith('-' . getmypid(), $options->name);
    }

    public function testTheEnvironmentAndThenTheCode(): void
    {
        $file = tempnam(sys_get_temp_dir(), 'acequia-token');
        file_put_contents($file, "\n secret \n");
        putenv('ACEQUIA_JOBS=tcp://a:1, ipc:///b');
        putenv('ACEQUIA_RESULTS=tcp://a:2,ipc:///c');
        putenv('ACEQUIA_SLOTS=7');
        putenv('ACEQUIA_NAME=anna');
        putenv("ACEQUIA_WORKER_TOKEN_FILE=$file");
        $options = new Options();
        self::assertEquals(Server::all(['tcp://a:1', 'ipc:///b'], ['tcp://a:2', 'ipc:///c']), $options->servers);
        self::assertSame([7, 'anna', 'secret'], [$options->slots, $options->name, $options->token]);
        $options = new Options('tcp://[::1]:3', 'tcp://a.example:4', 2, 'berta', 'another');
        self::assertSame(
            ['tcp://[::1]:3', 2, 'berta', 'another'],
            [$options->servers[0]->jobs, $options->slots, $options->name, $options->token],
        );
        unlink($file);
    }

    /** @dataProvider bad */
    public function testWhatCannotBeIsNamed(array $options, string $says): void
    {
        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage($says);
        new Options(...$options);
    }

    public static function bad(): iterable
    {
        yield [['jobs' => '127.0.0.1:5557'], 'the jobs endpoint `127.0.0.1:5557` cannot be dialled'];
        yield [['results' => 'tcp://127.0.0.1:0'], 'the results endpoint `tcp://127.0.0.1:0`'];
        yield [['jobs' => 'tcp://*:5557'], 'tcp://*:5557'];
        yield [['jobs' => 'tcp://a:1,tcp://b:1'], '2 endpoints for jobs and 1 for results'];
        yield [['slots' => 0], 'slots must be 1 to 65536, and is 0'];
        yield [['pack' => 1025], 'pack must be 1 to 1024, and is 1025'];
        yield [['grace' => NAN], 'grace must be at least 0'];
        yield [['beat' => 0.0], 'beat must be at least'];
        yield [['tokenFile' => '/nowhere/at all'], '`/nowhere/at all` cannot be read'];
        yield [['tokenFile' => '/dev/null'], '`/dev/null` is empty'];
    }

    public function testSlotsOfTheEnvironmentAreANumber(): void
    {
        putenv('ACEQUIA_SLOTS=many');
        $this->expectExceptionMessage('ACEQUIA_SLOTS is `many`');
        new Options();
    }

    public function testQueues(): void
    {
        $options = new Options();
        $options->serve('7', fn () => 7);
        $options->serve('a.b-C_d', fn () => 8);
        self::assertSame(['7', 'a.b-C_d'], $options->queues());
        self::assertSame(7, $options->handler('7')());
        self::assertNull($options->handler('none'));
        foreach (['a b' => 'cannot be the name', '7' => 'two handlers', '' => 'cannot be the name'] as $name => $says) {
            try {
                $options->serve((string) $name, fn () => 1);
                self::fail("`$name` was taken");
            } catch (InvalidOption $error) {
                self::assertStringContainsString($says, $error->getMessage());
            }
        }
        foreach (range(3, 64) as $i) {
            $options->serve("q$i", fn () => 1);
        }
        $this->expectExceptionMessage('at most 64 queues');
        $options->serve('one-more', fn () => 1);
    }

    public function testAWorkerServesSomething(): void
    {
        $this->expectExceptionMessage('serves no queue');
        (new Options())->queues();
    }
}
