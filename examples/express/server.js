// The backend: it serves the page, submits what the page asks for, and tells all pages something.

import { fileURLToPath } from 'node:url';

import { HttpClient, HttpError, RejectedError } from '@acequia/client/http';
import express from 'express';

const { ACEQUIA_SERVER = 'http://127.0.0.1:8080', HOST = '127.0.0.1', PORT = '8000' } = process.env;
// Where pages reach the server: it may have another name for them.
const { ACEQUIA_PUBLIC = ACEQUIA_SERVER } = process.env;
const ROWS_MAX = 1000;

const acequia = new HttpClient(ACEQUIA_SERVER);
const app = express();
app.use(express.json());
app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));
app.use('/client', express.static(fileURLToPath(new URL('node_modules/@acequia/client/src', import.meta.url))));
app.use('/vue', express.static(fileURLToPath(new URL('node_modules/vue/dist', import.meta.url))));

app.get('/settings', (request, response) => {
  response.json({ acequia: new URL('v1/ws', `${ACEQUIA_PUBLIC.replace(/\/$/, '')}/`).href });
});

/** Submits, and does not wait: the page watches the job by its id, which is as good as a secret. */
app.post('/reports', async (request, response) => {
  const { rows, key } = request.body ?? {};
  if (!Number.isInteger(rows) || rows < 1 || rows > ROWS_MAX) {
    response.status(400).json({ error: `rows is a whole number from 1 to ${ROWS_MAX}` });
    return;
  }
  // With the page's own key, a report that is sent twice is one job.
  const job = await acequia.submit('reports', { rows }, { key: key === undefined ? key : String(key), attempts: 3 });
  response.status(202).json({ job: job.id });
});

app.post('/news', async (request, response) => {
  response.json({ pages: await acequia.publish('news', { text: String(request.body?.text ?? '') }) });
});

app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  // What the server says for people may be shown to them; what went wrong here may not.
  const isTold = error instanceof RejectedError || error instanceof HttpError;
  console.error(error);
  response.status(error.status === 400 ? 400 : 503).json({ error: isTold ? error.message : 'that did not work' });
});

const server = app.listen(Number(PORT), HOST, () => console.log(`http://${HOST}:${server.address().port}/`));
