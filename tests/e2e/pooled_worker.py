"""A worker of one slot with the stock library, as a pool starts it. A job is milliseconds to sleep.

It writes each run down in a file, and does not know `bye`."""

import json
import os
import sys
import time

import zmq

ctx = zmq.Context()
jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
jobs.connect(os.environ["ACEQUIA_JOBS"])
results.connect(os.environ["ACEQUIA_RESULTS"])
print("began", flush=True)
print("and complains", file=sys.stderr, flush=True)
offer = bytes([0x81, 0xa6]) + b"queues" + bytes([0x90 + len(os.environ["ACEQUIA_QUEUE"].split(","))])
for queue in os.environ["ACEQUIA_QUEUE"].split(","):
    offer += bytes([0xa0 + len(queue)]) + queue.encode()
with open(sys.argv[1], "a") as runs:
    while True:
        kind, id, head, body = jobs.recv_multipart()
        if kind == b"hello":
            results.send_multipart([b"ready", id, offer])
        elif kind == b"job":
            runs.write(f"{id.hex()}\n")
            runs.flush()
            time.sleep(json.loads(body) / 1000)
            results.send_multipart([b"done", id, b"", body])
