<?php

declare(strict_types=1);

require __DIR__ . '/../autoload.php';

$server = getenv('ACEQUIA_SERVER') ?: 'http://127.0.0.1:8080';
$public = getenv('ACEQUIA_PUBLIC') ?: $server; // where pages reach it
$said = '';

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $acequia = new Acequia\Client($server);
    try {
        if (isset($_POST['text'])) {
            // Kept for pages that come later, as this one does when the browser is sent on.
            $acequia->publish('news', ['text' => (string) $_POST['text']], retain: true);
            $next = $_GET;
        } else {
            $rows = filter_var($_POST['rows'] ?? '', FILTER_VALIDATE_INT, ['options' => ['min_range' => 1, 'max_range' => 1000]]);
            if ($rows === false) {
                throw new DomainException('rows is a whole number from 1 to 1000');
            }
            // With the key of the form as it was shown, a form that is sent twice is one job.
            $job = $acequia->submit('reports', ['rows' => $rows], key: 'report-' . $_POST['key'], attempts: 3);
            $next = ['job' => $job->id];
        }
        // To a page that bears to be loaded again.
        header('Location: ?' . http_build_query($next), response_code: 303);
        exit;
    } catch (DomainException $error) {
        http_response_code(400);
        $said = $error->getMessage();
    } catch (Acequia\Exception\AcequiaException $error) {
        http_response_code(503);
        $said = $error->getMessage();
    }
}

$settings = ['acequia' => $public, 'job' => $_GET['job'] ?? null];
?>
<!doctype html>
<meta charset="utf-8">
<title>Reports</title>
<form id="report" action="?" method="post">
  <input type="hidden" name="key" value="<?= bin2hex(random_bytes(16)) ?>">
  <label>Rows <input name="rows" value="20"></label>
  <button>Make a report</button>
</form>
<progress max="1" value="0"></progress>
<output id="result"><?= htmlspecialchars($said) ?></output>
<form id="news" method="post">
  <label>News <input name="text"></label>
  <button>Tell all pages</button>
</form>
<output id="heard"></output>
<script type="module">
  const settings = <?= json_encode($settings, JSON_HEX_TAG | JSON_THROW_ON_ERROR) ?>;
  const { Acequia } = await import(`${settings.acequia}/client/index.js`);
  const [progress, result, heard] = ['progress', '#result', '#heard'].map((at) => document.querySelector(at));

  const client = new Acequia();
  client.subscribe('news');
  client.addEventListener('message', ({ detail }) => (heard.value = detail.data.text));

  if (settings.job) {
    const job = client.watch(settings.job);
    job.addEventListener('progress', ({ detail }) => Object.assign(progress, { max: detail.total, value: detail.done }));
    job.result.then(({ summary }) => (result.value = summary), (error) => (result.value = error.message));
  }
</script>
