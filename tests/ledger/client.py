"""A client: submits all the time, and writes down what it does and hears.

    client.py WS_URL[,WS_URL…] BOOK NAME ENCODING SEED here|away patient|hasty

Of several servers it takes the next where one does not have it, and one that is hasty leaves a
server that says nothing.

When a line comes on its standard input it submits no more, but what has a key once again, waits for
every outcome that it is owed, and ends. If its connection dies before, every other client resumes its
session, on whatever server is there then, and is owed all the same; the others begin a new session, to
which they are owed nothing yet. Of those that are told `away`, some submit one batch of more jobs than
a mailbox holds events and go away while it is worked on. A line is in the book before its op is sent,
and as soon as its event is read.
"""

import itertools
import json
import os
import random
import sys
import threading
import time
from socket import SHUT_RDWR

import msgpack
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from jobs import choose, many

LIVE_MAX = 8
PAUSE_S = 0.05
MANY = (1010, 1300)  # a mailbox holds 1,000
AWAY_S = (1, 6)
OUTCOMES = {"done", "failed", "cancelled"}
REFUSALS_THAT_PASS = {"draining", "storage"}
AGAIN_MAX = 5  # jobs with a key
PINGS = {"patient": {"ping_interval": None}, "hasty": {"ping_interval": 0.5, "ping_timeout": 1.5}}  # seconds


class Session:
    """One connection, from its upgrade to its end; or, if it can be resumed, several."""

    def __init__(self, encoding, book, name, rng, finishing):
        self._socket, self._encoding = None, encoding
        self._book, self._name, self._rng = book, name, rng
        self._finishing = finishing
        self._ids, self._nonces = itertools.count(1), itertools.count(1)
        self._live = set()
        self._to_cancel = []
        self._not_before = 0.0
        self._secret, self._last = None, 0
        self._unaccepted = {}  # ops that the server may forget in a crash, even if it runs them
        self._keyed = {}  # ops of live jobs with a key
        self._batches = itertools.count(1)
        self._past = []  # jobs with a key that have ended: as they were chosen
        self.at = None  # where it is connected to
        self.goes_away = False  # later
        self.away_s = 0.0  # now

    @property
    def can_be_resumed(self):
        return self._secret is not None

    def write(self, what, **fields):
        write(self._book, self._name, what, **fields)

    def send(self, op):
        self._socket.send(json.dumps(op) if self._encoding == "json" else msgpack.packb(op))

    def submit(self):
        """Some more jobs, as one op or as an array, which may be a batch."""
        chosen = []
        for _ in range(self._rng.randint(1, LIVE_MAX - len(self._live))):
            nonce = self.nonce()
            chosen.append((nonce, *choose(self._rng, nonce)))
        if self._past and self._rng.random() < 0.2:
            chosen.append(self._rng.choice(self._past))
        self.submit_all(chosen, is_batch=len(chosen) > 1 and self._rng.random() < 0.3)

    def submit_many(self):
        """More than a mailbox holds, and waits until all are accepted."""
        nonces = [self.nonce() for _ in range(self._rng.randint(*MANY))]
        self.submit_all([(nonce, *many(nonce)) for nonce in nonces], is_batch=True)
        self.wait_accepted()

    def wait_accepted(self):
        while self._unaccepted:
            self.hear(1)

    def nonce(self):
        return f"{self._name}.{next(self._nonces)}"

    def submit_all(self, chosen, is_batch):
        batch = {"batch": f"batch {next(self._batches)}"} if is_batch else {}
        ops = []
        for nonce, kind, job in chosen:
            # Which submit with a key is the one that counts is not known here.
            job = job if kind == "keyed" else {**job, **batch}
            line = job["payload"]
            # Bytes where they can be had, so that workers get the line as it is.
            payload = line if self._encoding == "json" else line.encode()
            said = {key: value for key, value in job.items() if key != "payload"}
            for _ in range(2 if kind == "keyed" else 1):
                id = next(self._ids)
                self.write("submit", id=id, nonce=nonce, kind=kind, **said)
                op = {"op": "submit", "id": id, **job, "payload": payload}
                ops.append(op)
                self._live.add(id)
                if self.can_be_resumed:
                    self._unaccepted[id] = op
                    if "key" in op:
                        self._keyed[id] = op
                if kind == "cancelled":
                    self._to_cancel.append(id)
            if kind == "keyed" and (nonce, kind, job) not in self._past:
                self._past.append((nonce, kind, job))
        self.send(ops if len(ops) > 1 else ops[0])

    def heard(self, event):
        ev, id = event["ev"], event.get("id")
        if ev == "rejected" and event["code"] == "duplicate_id":
            # It was submitted again, and is live.
            self.write("duplicate", id=id, message=event["message"])
            return
        if ev == "accepted":
            self.write("accepted", id=id, job=event["job"])
            self._unaccepted.pop(id, None)
        elif ev == "started":
            self.write("started", id=id, job=event["job"])
        elif ev in OUTCOMES:
            result = event.get("result")
            result = result.decode() if isinstance(result, bytes) else result
            self.write("ended", id=id, job=event["job"], outcome=ev, result=result, code=event.get("code"))
            self.over(id)
        elif ev == "rejected":
            self.write("rejected", id=id, code=event["code"], message=event["message"],
                       retry_after_ms=event.get("retry_after_ms"))
            self.over(id)
            if event["code"] in REFUSALS_THAT_PASS:
                self._not_before = time.monotonic() + event["retry_after_ms"] / 1000
        elif ev == "gap":
            self.write("gap", **event)
            if id is not None:
                self.over(id)  # how is not known any more
        elif ev == "batch":
            self.write("batch", **{key: value for key, value in event.items() if key != "seq"})

    def over(self, id):
        self._live.discard(id)
        self._unaccepted.pop(id, None)
        self._keyed.pop(id, None)

    def go_on(self):
        """What there is to say now."""
        for id in self._to_cancel:
            if self._rng.random() < 0.5:
                self.send({"op": "cancel", "id": id})
        self._to_cancel = []
        may = not self._finishing.is_set() and time.monotonic() >= self._not_before
        if may and len(self._live) < LIVE_MAX:
            self.submit()

    def begin(self, socket, resumable, secret=None):
        """On a new connection; or, by its secret, as the one that has begun in another's place."""
        self._socket = socket
        self.write("opened")
        if resumable and secret is None:
            self.send({"op": "hello", "resume": True})
            secret = self.welcomed()["session"]
        self._secret = secret

    def resume(self, socket):
        """Goes on with another connection. If the server does not know the session any more,
        returns the secret of the one that has begun in its place."""
        self._socket = socket
        self.send({"op": "hello", "resume": self._secret, "last": self._last})
        welcome = self.welcomed()
        if not welcome["resumed"]:
            self.write("forgotten")
            return welcome["session"]
        self.write("resumed")
        self.send({"op": "cancel", "id": "all is told"})
        while self.hear(1) != "all is told":
            pass
        # What may not be there, and other ids of keys, which a new server does not know of.
        for id, op in {**self._unaccepted, **self._keyed}.items():
            self.write("resubmit", id=id)
            self.send(op)
        return None

    def welcomed(self):
        while True:
            event = self.read(None)
            if event["ev"] == "welcome":
                return event

    def run(self):
        """Until the connection ends, or all is done. Returns whether all is."""
        try:
            while self._live or not self._finishing.is_set():
                if self.goes_away and time.monotonic() >= self._not_before:
                    self.goes_away = False
                    self.submit_many()
                    return self.leave()
                self.go_on()
                # Until the pause is over; what comes meanwhile is heard at once.
                until = time.monotonic() + self._rng.uniform(0, PAUSE_S)
                while (left := until - time.monotonic()) > 0:
                    self.hear(left)
                if self.can_be_resumed and self._rng.random() < 0.2:
                    self.send({"op": "ack", "seq": self._last})
            self.ask_again()
            # The answer comes behind all that the server still had to say.
            self.send({"op": "cancel", "id": "the last word"})
            while self.hear(1) != "the last word":
                pass
            self.write("finished")
            return True
        except ConnectionClosed as error:
            said = [end and [end.code, end.reason] for end in (error.rcvd, error.sent)]
            self.write("lost", at=self.at, can_be_resumed=self.can_be_resumed, heard=said[0], said=said[1])
            return False

    def ask_again(self):
        """At the end, for some of the jobs with a key: they are known, and do not run once more."""
        if self._past:
            self.submit_all(self._rng.sample(self._past, min(len(self._past), AGAIN_MAX)), is_batch=False)
        self._to_cancel = []
        while self._live:
            self.hear(1)

    def leave(self):
        """Is cut off, and away for a while."""
        self.away_s = self._rng.uniform(*AWAY_S)
        self.write("away", seconds=self.away_s)
        self._socket.socket.shutdown(SHUT_RDWR)
        return False

    def read(self, patience_s):
        message = self._socket.recv(timeout=patience_s)
        return json.loads(message) if self._encoding == "json" else msgpack.unpackb(message)

    def hear(self, patience_s):
        """One event, if one comes; returns its id."""
        try:
            event = self.read(patience_s)
        except TimeoutError:
            return None
        seq = event.get("seq")
        if seq is not None:
            if seq <= self._last:
                self.write("double", **event)
            self._last = seq
        self.heard(event)
        return event.get("id")


def write(book, session, what, **fields):
    """A line in the book."""
    line = {"t": time.time_ns(), "session": session, "what": what, **fields}
    os.write(book, json.dumps(line).encode() + b"\n")


def main(urls, book, name, encoding, seed, where, patience):
    rng = random.Random(seed)
    resumable = rng.random() < 0.5
    goes_away = where == "away" and resumable
    book = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    finishing = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), finishing.set()), daemon=True).start()
    numbers, session, urls = itertools.count(1), None, itertools.cycle(urls.split(","))
    url = next(urls)
    while session is not None or not finishing.is_set():
        try:
            with connect(url, subprotocols=[f"acequia.v1.{encoding}"], compression=None, proxy=None,
                         max_size=None, open_timeout=5, close_timeout=1, **PINGS[patience]) as socket:
                if session:
                    session.at = url
                secret = session.resume(socket) if session else None
                if session is None or secret is not None:
                    session = Session(encoding, book, f"{name}.{next(numbers)}", rng, finishing)
                    session.at, session.goes_away, goes_away = url, goes_away, False
                    session.begin(socket, resumable, secret)
                if session.run() or not session.can_be_resumed:
                    session = None
            if session is not None:
                time.sleep(session.away_s)
                session.away_s = 0.0
        except (OSError, EOFError, WebSocketException) as error:
            # Nobody is there, or not any more; or another server works.
            if isinstance(error, InvalidStatus):
                refused = error.response
                write(book, name, "turned away", status=refused.status_code, said=refused.body.decode(),
                      kind=refused.headers.get("Content-Type"), retry_after=refused.headers.get("Retry-After"))
            url = next(urls)
            if session is not None and not session.can_be_resumed:
                session = None
            time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
