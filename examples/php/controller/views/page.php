<?php
/** @var array{acequia: string} $settings */
/** @var string $user */
?>
<!doctype html>
<meta charset="utf-8">
<title>Reports</title>
<p>You are <?= htmlspecialchars($user) ?>.</p>
<form id="report">
  <label>Rows <input name="rows" type="number" value="20"></label>
  <button>Make a report</button>
</form>
<progress max="1" value="0"></progress>
<output id="result"></output>
<form id="news">
  <label>News <input name="text"></label>
  <button>Tell all pages</button>
</form>
<output id="heard"></output>
<script type="module">
  const settings = <?= json_encode($settings, JSON_HEX_TAG | JSON_THROW_ON_ERROR) ?>;
  const { Acequia } = await import(`${settings.acequia}/client/index.js`);
  const [report, news, progress, result, heard] = ['#report', '#news', 'progress', '#result', '#heard'].map((at) => document.querySelector(at));

  const client = new Acequia(undefined, {
    token: async () => {
      const answer = await fetch('/token');
      if (!answer.ok) throw new Error(`no token: ${answer.status}`);
      return answer.text();
    },
  });
  client.subscribe('news');
  client.addEventListener('message', ({ detail }) => (heard.value = `${detail.data.from}: ${detail.data.text}`));

  const post = async (path, body) => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  };

  report.onsubmit = async (event) => {
    event.preventDefault();
    const key = (report.dataset.key ??= crypto.randomUUID());
    const { job, error } = await post('/reports', { rows: report.rows.valueAsNumber, key });
    if (error) return (result.value = error);
    delete report.dataset.key; // it was taken: the next is another one
    location.hash = job; // so that a reload finds it
    watch(job);
  };

  news.onsubmit = (event) => {
    event.preventDefault();
    post('/news', { text: news.text.value });
  };

  function watch(uuid) {
    const job = client.watch(uuid);
    result.value = '';
    job.addEventListener('progress', ({ detail }) => Object.assign(progress, { max: detail.total, value: detail.done }));
    job.result.then(({ summary }) => (result.value = summary), (error) => (result.value = error.message));
  }

  if (location.hash) watch(location.hash.slice(1));
</script>
