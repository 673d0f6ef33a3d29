"""A worker that takes as many jobs as it is told to, says so, and does nothing with them."""

import sys

import msgpack
import zmq

jobs_url, results_url, slots = sys.argv[1:]
ctx = zmq.Context()
jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
jobs.connect(jobs_url)
results.connect(results_url)
while True:
    kind, id, head, body = jobs.recv_multipart()
    if kind == b"hello":
        offer = msgpack.packb({"slots": int(slots), "name": "holder"})
        results.send_multipart([b"ready", id, offer])
    elif kind == b"job":
        print(f"holds {id.hex()}", flush=True)
