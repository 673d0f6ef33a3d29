"""A worker of one slot whose jobs are milliseconds to sleep; says when each run began and ended.

It answers in the encoding of the job."""

import json
import sys
import time

import msgpack
import zmq

jobs_url, results_url, name = sys.argv[1:]
ctx = zmq.Context()
jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
jobs.connect(jobs_url)
results.connect(results_url)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


while True:
    kind, id, head, body = jobs.recv_multipart()
    if kind == b"hello":
        results.send_multipart([b"ready", id, msgpack.packb({"name": name})])
    elif kind == b"job":
        begin = time.monotonic()
        codec = msgpack if msgpack.unpackb(head)["type"] == "application/msgpack" else json
        ms = codec.loads(body)
        time.sleep(ms / 1000)
        more = bool(jobs.poll(0))
        # CLOCK_MONOTONIC is the same clock in all processes.
        print(json.dumps({"begin": begin, "end": time.monotonic(), "ms": ms, "more": more}), flush=True)
        results.send_multipart([b"done", id, b"", as_bytes(codec.dumps("done"))])
