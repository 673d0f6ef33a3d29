"""A worker of stock libzmq. Each run is in the book before its worker says a word about it.

    worker.py JOBS RESULTS BOOK NAME QUEUES SLOTS
"""

import json
import os
import sys
import time

import msgpack
import zmq

from jobs import TOLD, answer


def run(book, name, id, attempt, line):
    """One run: a line in the book, and then what the worker says of it."""
    nonce, ms, failures = line.split()[:3]
    job = id.hex()
    job = "-".join((job[:8], job[8:12], job[12:16], job[16:20], job[20:]))
    os.write(book, f"{nonce} {job} {attempt} {name} {time.time_ns()}\n".encode())
    time.sleep(int(ms) / 1000)
    return None if attempt <= int(failures) else answer(nonce)


def main(jobs_url, results_url, book, name, queues, slots):
    book = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    offer = {"name": name, "queues": queues.split(","), "slots": int(slots), "pack": int(slots)}
    ctx = zmq.Context()
    jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
    jobs.connect(jobs_url)
    results.connect(results_url)
    while True:
        frames = jobs.recv_multipart()
        for at in range(0, len(frames), 4):
            kind, id, head, body = frames[at:at + 4]
            if kind == b"hello":
                results.send_multipart([b"ready", id, msgpack.packb(offer)])
            elif kind == b"job":
                head = msgpack.unpackb(head)
                is_json = head["type"] == "application/json"
                said = run(book, name, id, head["attempt"], json.loads(body) if is_json else body.decode())
                if said is None:
                    results.send_multipart([b"fail", id, msgpack.packb({"code": TOLD})])
                else:
                    body = json.dumps(said) if is_json else said
                    results.send_multipart([b"done", id, b"", body.encode()])


if __name__ == "__main__":
    main(*sys.argv[1:])
