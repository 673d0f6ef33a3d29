// The state of the page's sessions in one lamp: as good as the worst of them.

/** @param {import('../client/index.js').Acequia[]} clients */
export function showConnection(clients) {
  const pill = document.getElementById('connection');
  const text = document.getElementById('connection-text');
  const news = document.getElementById('connection-news');
  const retryAt = new Map();
  let ticking;

  function show() {
    clearTimeout(ticking);
    const before = pill.dataset.state;
    const waiting = clients.filter(({ state }) => state === 'waiting');
    if (waiting.length > 0) {
      const ms = Math.max(...waiting.map((client) => retryAt.get(client))) - Date.now();
      pill.dataset.state = 'reconnecting';
      text.textContent = `reconnecting in ${Math.max(1, Math.ceil(ms / 1000))} s`;
      ticking = setTimeout(show, 250);
    } else if (clients.every(({ state }) => state === 'open')) {
      pill.dataset.state = 'live';
      text.textContent = 'live';
    } else if (clients.some(({ state }) => state === 'closed')) {
      pill.dataset.state = text.textContent = 'closed';
    } else {
      // A dial during an outage is not a change worth a flicker.
      if (before !== 'reconnecting') pill.dataset.state = 'connecting';
      text.textContent = before === 'reconnecting' ? 'reconnecting' : 'connecting';
    }
    // A countdown read aloud would be a nuisance: only the changes are.
    if (pill.dataset.state !== before) news.textContent = `Connection: ${pill.dataset.state}`;
  }

  for (const client of clients) {
    client.addEventListener('state', ({ detail }) => {
      retryAt.set(client, detail.retryAt);
      show();
    });
  }
}
