<?php

declare(strict_types=1);

namespace Acequia\Tests;

use Acequia\Tests\Harness\Patience;
use Acequia\Tests\Harness\Program;
use Acequia\Tests\Harness\Server;
use PHPUnit\Framework\TestCase;

/** The package as Composer makes and installs it, and the samples of the README with that. */
final class PackageTest extends TestCase
{
    private static string $project = '';

    /** Packs what is not excluded, and requires that from an empty project that knows no other source. */
    public static function setUpBeforeClass(): void
    {
        self::$project = sys_get_temp_dir() . '/acequia-package-' . bin2hex(random_bytes(6));
        mkdir(self::$project . '/artifacts', recursive: true);
        self::composer(__DIR__ . '/..', 'archive', '--format=zip', '--dir=' . self::$project . '/artifacts');
        file_put_contents(self::$project . '/composer.json', json_encode([
            'repositories' => [['type' => 'artifact', 'url' => 'artifacts'], ['packagist.org' => false]],
            'require' => ['acequia/acequia' => '0.1.0'],
        ]));
        self::composer(self::$project, 'install');
    }

    public static function tearDownAfterClass(): void
    {
        exec('rm -rf ' . escapeshellarg(self::$project));
    }

    private static function composer(string $in, string ...$arguments): void
    {
        $command = ['composer', '--no-interaction', '--no-plugins', '--working-dir=' . $in, ...$arguments];
        $composer = new Program($command, ['COMPOSER_ALLOW_SUPERUSER' => '1', 'COMPOSER_DISABLE_NETWORK' => '1']);
        self::assertSame(0, $composer->wait(), $composer->said());
    }

    private static function sample(string $name): string
    {
        $found = preg_match('/<!-- sample: ' . preg_quote($name) . ' -->\n```php\n(.*?)```/s', self::readme(), $sample);
        return $found === 1 ? $sample[1] : self::fail("the README has no sample $name");
    }

    private static function readme(): string
    {
        return file_get_contents(__DIR__ . '/../README.md');
    }

    /** Runs a sample in the project. What it takes as given comes first. @param array<string, string> $env */
    private static function launch(string $name, array $env, string $given = ''): Program
    {
        $code = preg_replace('/\A<\?php\n/', "<?php\n$given", self::sample($name));
        file_put_contents(self::$project . "/$name", $code);
        return new Program([PHP_BINARY, $name], $env, self::$project);
    }

    public function testItHoldsWhatIsNeededAndNoMore(): void
    {
        $installed = self::$project . '/vendor/acequia/acequia';
        $files = array_diff(scandir($installed), ['.', '..']);
        sort($files);
        self::assertSame(
            ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'autoload.php', 'composer.json', 'src'],
            array_values($files),
        );
        exec('diff -r ' . escapeshellarg(__DIR__ . '/../src') . ' ' . escapeshellarg("$installed/src"), $said, $code);
        self::assertSame(0, $code, implode("\n", $said));
    }

    public function testWhatGitLeavesOutIsWhatComposerLeavesOut(): void
    {
        $composer = json_decode(file_get_contents(__DIR__ . '/../composer.json'), true, flags: JSON_THROW_ON_ERROR);
        $ignored = array_map(
            static fn (string $line) => explode(' ', $line)[0],
            file(__DIR__ . '/../.gitattributes', FILE_IGNORE_NEW_LINES),
        );
        self::assertSame($composer['archive']['exclude'], $ignored);
    }

    public function testItsLicencesAreThoseOfTheRepository(): void
    {
        foreach (['LICENSE-MIT', 'LICENSE-APACHE'] as $file) {
            self::assertFileEquals(__DIR__ . "/../../../$file", __DIR__ . "/../$file");
        }
    }

    public function testTheWorkerAndTheClient(): void
    {
        $server = new Server();
        $worker = self::launch('worker.php', $server->env());
        $server->waitWorkers(1);
        $code = str_replace('http://127.0.0.1:8080', "http://$server->http", self::sample('client.php'), $count);
        self::assertSame(1, $count);
        file_put_contents(self::$project . '/client.php', $code);
        $client = new Program([PHP_BINARY, 'client.php'], [], self::$project);
        self::assertSame(0, $client->wait(), $client->said());
        self::assertSame("HELLO\n", $client->said());
        self::assertSame(0, $worker->stop());
    }

    public function testTheHandler(): void
    {
        $server = new Server();
        $worker = self::launch('progress.php', $server->env());
        $client = $server->client();
        self::assertSame('3 words', $client->submit('count', 'one two  three')->wait(Patience::SECONDS));
        try {
            $client->submit('count', ' ')->wait(Patience::SECONDS);
            self::fail('it did not fail');
        } catch (\Acequia\Exception\JobFailed $failed) {
            self::assertSame('no_words', $failed->getCode());
        }
        self::assertSame(0, $worker->stop());
    }

    public function testTheLoop(): void
    {
        $server = new Server();
        $given = 'require ' . var_export(__DIR__ . '/react.php', true) . "; \$loop = default_loop();\n";
        $worker = self::launch('react.php', $server->env(), $given);
        self::assertSame('done', $server->client()->submit('later', null)->wait(Patience::SECONDS));
        self::assertSame(0, $worker->stop());
    }

    public function testWithoutComposer(): void
    {
        $server = new Server();
        $code = str_replace('vendor/autoload.php', 'vendor/acequia/acequia/autoload.php', self::sample('worker.php'), $count);
        self::assertSame(1, $count);
        file_put_contents(self::$project . '/alone.php', $code);
        $worker = new Program([PHP_BINARY, 'alone.php'], $server->env(), self::$project);
        self::assertSame('HELLO', $server->client()->submit('upper', 'hello')->wait(Patience::SECONDS));
        self::assertSame(0, $worker->stop());
    }

    public function testAllSamplesAreRun(): void
    {
        preg_match_all('/<!-- sample: (\S+) -->/', self::readme(), $found);
        self::assertSame(['worker.php', 'client.php', 'progress.php', 'react.php'], $found[1]);
    }
}
