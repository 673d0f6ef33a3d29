// What a first worker and a first job look like, as programs that run as they stand here.

/** A worker in Python. With a token, which it reads from FILE, it proves that it knows it. */
export function pythonWorker(jobs, results, withToken) {
  const answer = withToken
    ? `if kind == b"hello":
        nonce = head[head.index(b"\\xa5nonce\\xc4\\x20") + 8:][:32]
        auth = hmac.digest(token, nonce + id, "sha256")
        results.send_multipart([b"ready", id, b"\\x81\\xa4auth\\xc4\\x20" + auth])`
    : 'if kind == b"hello": results.send_multipart([b"ready", id])';
  return `import ${withToken ? 'hmac, zmq\n\ntoken = open("FILE", "rb").read().strip()' : 'zmq\n'}
ctx = zmq.Context()
jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
jobs.heartbeat_ivl = results.heartbeat_ivl = 30_000
jobs.connect(${JSON.stringify(jobs)}); results.connect(${JSON.stringify(results)})
while True:
    kind, id, head, body = jobs.recv_multipart()
    ${answer}
    elif kind == b"job": results.send_multipart([b"done", id, b"", body.upper()])
`;
}

/** A job in JavaScript, for the console of a page of the server. */
export function scriptOfJob(clients, socket, withToken) {
  const options = withToken ? ", { token: 'TOKEN' }" : '';
  return `const { Acequia } = await import('${clients}/client/index.js');
const client = new Acequia('${socket}'${options});
console.log(await client.submit('hello', { queue: 'default' }).result);
`;
}
