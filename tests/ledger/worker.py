"""A worker of stock libzmq. Each run is in the book before its worker says a word about it.

    worker.py JOBS RESULTS BOOK NAME QUEUES SLOTS BEAT_S
"""

import json
import os
import sys
import time

import msgpack
import zmq

from jobs import TOLD, answer


class Worker:
    """One lane at a time; it does one job after another, whatever its slots."""

    def __init__(self, jobs_url, results_url, book, name, beat_s):
        ctx = zmq.Context()
        self.jobs, self._results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
        self.jobs.connect(jobs_url)
        self._results.connect(results_url)
        self._book, self._name, self._beat_s = book, name, beat_s
        self.lane, self._beats_at = None, 0.0

    def say(self, *frames):
        self._results.send_multipart(frames)

    def wait(self, seconds=None):
        """For a message, or, if a time is given, for that; beats meanwhile if it is one that does."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            now = time.monotonic()
            if self._beat_s and self.lane and now >= self._beats_at:
                self.say(b"beat", self.lane, b"", b"")
                self._beats_at = now + self._beat_s
            if until is None:
                if self.jobs.poll(self._beat_s * 1000 or None):
                    return
            elif now >= until:
                return
            else:
                time.sleep(min(until - now, self._beat_s or until - now))

    def run(self, id, attempt, line):
        """One run: two lines in the book, and then what the worker says of it."""
        nonce, ms, failures = line.split()[:3]
        job = id.hex()
        job = "-".join((job[:8], job[8:12], job[12:16], job[16:20], job[20:]))
        self._write(f"{nonce} {job} {attempt} {self._name} {time.time_ns()}")
        self.wait(int(ms) / 1000)
        self._write(f"{nonce} {job} {attempt} {self._name} {time.time_ns()} end")
        return None if attempt <= int(failures) else answer(nonce)

    def _write(self, line):
        os.write(self._book, f"{line}\n".encode())


def main(jobs_url, results_url, book, name, queues, slots, beat_s):
    book = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    offer = {"name": name, "queues": queues.split(","), "slots": int(slots), "pack": int(slots)}
    worker = Worker(jobs_url, results_url, book, name, float(beat_s))
    while True:
        worker.wait()
        frames = worker.jobs.recv_multipart()
        for at in range(0, len(frames), 4):
            kind, id, head, body = frames[at:at + 4]
            if kind == b"hello":
                worker.lane = id
                worker.say(b"ready", id, msgpack.packb(offer))
            elif kind == b"job":
                head = msgpack.unpackb(head)
                is_json = head["type"] == "application/json"
                said = worker.run(id, head["attempt"], json.loads(body) if is_json else body.decode())
                if said is None:
                    worker.say(b"fail", id, msgpack.packb({"code": TOLD}))
                else:
                    body = json.dumps(said) if is_json else said
                    worker.say(b"done", id, b"", body.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
