"""The whole of a working worker, with the stock library and no SDK."""

import sys

import zmq

JOBS, RESULTS = sys.argv[1:] or ("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558")
ctx = zmq.Context(); ctx.setsockopt(zmq.HEARTBEAT_IVL, 30_000)
jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
jobs.connect(JOBS); results.connect(RESULTS)
while True:
    kind, id, head, body = jobs.recv_multipart()
    if kind == b"hello": results.send_multipart([b"ready", id])
    elif kind == b"job": results.send_multipart([b"done", id, b"", body.upper()])
