// A TCP proxy whose connections the test cuts, without a close of the WebSocket.

import { connect, createServer } from 'node:net';

/** Between a client and `server`, until the test `t` ends. */
export async function startProxy(t, server) {
  const [host, port] = server.http.split(':');
  const pairs = new Set();
  let refusing = false;

  const listener = createServer((client) => {
    if (refusing) return client.destroy();
    const upstream = connect(Number(port), host);
    const pair = { client, upstream };
    pairs.add(pair);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));

  const proxy = {
    http: `127.0.0.1:${listener.address().port}`,
    /** All connections end as if a cable were cut: neither side hears a word. */
    cut() {
      for (const { client, upstream } of [...pairs]) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    },
    /** What the server says from now on gets lost, and then the connections with it: `cut`. */
    swallow() {
      for (const { client, upstream } of pairs) {
        upstream.unpipe(client);
        upstream.resume();
      }
    },
    /** What the server says from now on is not read any more. */
    pause() {
      for (const { client, upstream } of pairs) upstream.unpipe(client).pause();
    },
    /** Whether new connections are turned away. */
    refuse(whether) {
      refusing = whether;
    },
  };
  proxy.url = `http://${proxy.http}/`;
  proxy.ws = `ws://${proxy.http}/v1/ws`;
  t.after(() => {
    proxy.cut();
    listener.close();
  });
  return proxy;
}
