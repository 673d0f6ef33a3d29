"""A client for `acequia conform client` that makes the mistake that it is told, and is right without one.

It speaks JSON, resumes its session, and knows no more of the protocol than the exercise needs.
"""

import base64
import contextlib
import json
import os
import queue
import random
import sys
import threading
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

FAULT = sys.argv[1] if len(sys.argv) > 1 else None
URL = os.environ["ACEQUIA_SERVER"].replace("http", "ws", 1) + "/v1/ws"
PAUSE_S = 0.4
AGAIN_S = 1
REPLAY_END = "replay-end"
ENDS = {"done", "failed", "cancelled", "rejected"}


def is_wrong(*faults):
    return FAULT in faults


def say(**line):
    print(json.dumps(line), flush=True)


class Job:
    def __init__(self, name, op):
        self.name, self.op = name, op
        self.accepted = self.repeated = False


class Client:
    """All but the reading of lines and of the socket is done by one thread, which takes what comes."""

    def __init__(self):
        self.inbox = queue.SimpleQueue()
        self.jobs, self.topics = {}, []
        self.secret, self.last, self.acked, self.count = None, 0, 0, 0
        self.unsure, self.socket, self.message_bytes = [], None, 1 << 22
        threading.Thread(target=self.read_lines, daemon=True).start()

    def read_lines(self):
        for line in sys.stdin:
            self.inbox.put(("told", json.loads(line)))
        self.inbox.put(("told", {"do": "close"}))

    def read_events(self, socket):
        try:
            for message in socket:
                self.inbox.put(("event", socket, message))
        except ConnectionClosed:
            pass
        self.inbox.put(("down", socket, socket.close_code))

    def later(self, seconds, act):
        timer = threading.Timer(seconds, lambda: self.inbox.put(("do", act)))
        timer.daemon = True
        timer.start()

    def run(self):
        fails, reconnect_in_s = 0, None
        while True:
            pause_s = PAUSE_S * 2 ** fails * random.uniform(0.5, 1) if reconnect_in_s is None else reconnect_in_s
            if self.count and not is_wrong("comes back at once"):
                time.sleep(pause_s)
            self.count += 1
            try:
                size = None if not is_wrong("no room for large events") else 1 << 20
                pings = None if is_wrong("no sign of life") else 20
                self.socket = connect(URL, subprotocols=["acequia.v1.json"], max_size=size, compression=None,
                                      ping_interval=pings)
            except (OSError, InvalidStatus):
                if is_wrong("gives up when it is refused"):
                    return
                fails += 1
                continue
            fails += 1
            threading.Thread(target=self.read_events, args=(self.socket,), daemon=True).start()
            code, reconnect_in_s = self.live()
            if reconnect_in_s is not None:
                fails = 0
            if code in (4001, 4401) and not is_wrong("comes back after it was taken over"):
                for job in list(self.jobs.values()):
                    self.end(job, failed="lost")
                return

    def live(self):
        """One connection, from its greeting to its end: the close code, and when to come back."""
        hello = {"op": "hello", "resume": True}
        if self.secret and not is_wrong("forgets its secret"):
            last = 0 if is_wrong("forgets what it has seen") else self.last
            if is_wrong("numbers as floats of 32 bits"):
                last &= ~0xFFFFFF if last > 1 << 24 else -1
            hello = {"op": "hello", "resume": self.secret, "last": last}
        if is_wrong("a misspelled key"):
            hello["resum"] = True
        if is_wrong("hello comes second"):
            self.send({"op": "subscribe", "topic": "x"})
        self.send(hello)
        self.open, bye_s, code = False, None, None
        told = []
        while True:
            what, *rest = self.inbox.get()
            if what == "down" and rest[0] is self.socket:
                code = rest[1] if code is None else code
                for line in told:
                    self.inbox.put(("told", line))
                return code, bye_s
            if what == "do":
                rest[0]()
            elif what == "told" and not self.open:
                told.append(rest[0])
            elif what == "told":
                self.told(rest[0])
            elif what == "event" and rest[0] is self.socket:
                event = json.loads(rest[1])
                if event["ev"] == "bye":
                    code, bye_s = event["close"], event["reconnect_in_ms"] / 1000
                    if is_wrong("heeds no bye"):
                        bye_s = 0.0
                elif event["ev"] == "error" and not self.open:
                    if not is_wrong("waits for ever for a welcome"):
                        self.socket.close()
                        bye_s = AGAIN_S
                else:
                    self.heard(event)
                    if self.open and told:
                        for line in told:
                            self.inbox.put(("told", line))
                        told = []

    # What the program is told.

    def told(self, line):
        getattr(self, f"do_{line['do']}")(line)

    def do_submit(self, line):
        ops = []
        for wanted in line["jobs"]:
            name = wanted.pop("as")
            number = 1 if is_wrong("the same id for all") else 2 ** 60 + len(self.jobs) if is_wrong("huge ids") else None
            id = number or len(self.jobs) + self.count * 10_000 + random.getrandbits(40)
            op = {"op": "submit", "id": id, **wanted}
            self.jobs[id] = Job(name, op)
            ops.append(op)
        if is_wrong("one message for each job"):
            for op in ops:
                self.send(op)
        else:
            self.send_many(ops)

    def do_cancel(self, line):
        id = next(id for id, job in self.jobs.items() if job.name == line["as"])
        self.cancelling = id
        self.send({"op": "cancel", "id": id})

    def do_subscribe(self, line):
        self.topics.append(line["topic"])
        self.send({"op": "subscribe", "topic": line["topic"]})

    def do_close(self, _):
        self.socket.close(1000 if is_wrong("closes with 1000") else 4000)
        os._exit(0)

    # What the server says.

    def heard(self, event):
        if is_wrong("dies at an unknown event") and event["ev"] not in {
                "welcome", "accepted", "started", "progress", "chunk", "done", "failed", "cancelled", "rejected",
                "retrying", "message", "gap", "error", "bye"}:
            sys.exit(f"what is {event['ev']}?")
        if "seq" in event:
            self.last = event["seq"]
            if self.last - self.acked >= 100 and not is_wrong("never acks"):
                self.acked = self.last
                self.send({"op": "ack", "seq": self.last + (1_000 if is_wrong("acks too much") else 0)})
        if event["ev"] == "welcome":
            self.welcome(event)
        elif event["ev"] == "message":
            say(topic=event["topic"], data=event["data"])
        elif event["ev"] == "error":
            self.error(event)
        elif event.get("id") in self.jobs:
            self.about(self.jobs[event["id"]], event)

    def welcome(self, event):
        if self.open:
            return
        self.open = True
        self.message_bytes = event["limits"]["message_bytes"]
        if not (is_wrong("keeps its old secret") and self.secret):
            self.secret = event.get("session")
        if not event["resumed"]:
            self.last = self.acked = 0
            if not is_wrong("forgets its topics"):
                for topic in self.topics:
                    self.send({"op": "subscribe", "topic": topic})
        self.unsure = [job for job in self.jobs.values()
                       if not job.accepted or "key" in job.op and not is_wrong("forgets keys")
                       or is_wrong("submits what was accepted")]
        if is_wrong("does not hear first"):
            self.replayed()
        elif self.unsure and not is_wrong("submits nothing again"):
            self.send({"op": "cancel", "id": REPLAY_END})

    def replayed(self):
        for job in self.unsure:
            if job.op["id"] in self.jobs:
                job.repeated = True
                self.send(job.op)
        self.unsure = []

    def error(self, event):
        if event.get("id") == REPLAY_END:
            self.replayed()
        elif event["code"] == "rate_limited" and not is_wrong("does not say it again"):
            if "id" in event:
                self.later(AGAIN_S, lambda: self.send({"op": "cancel", "id": event["id"]}))
            else:
                for topic in self.topics:
                    self.later(AGAIN_S, lambda topic=topic: self.send({"op": "subscribe", "topic": topic}))
        elif is_wrong("dies of a late cancel"):
            sys.exit(event["message"])

    def about(self, job, event):
        kind = event["ev"]
        job.accepted |= kind == "accepted"
        if kind == "done":
            result = event["result"]
            is_bytes = isinstance(result, dict) and list(result) == ["$base64"] and not is_wrong("leaves bytes as text")
            self.end(job, done={"$hex": base64.b64decode(result["$base64"]).hex()} if is_bytes else result)
        elif kind == "rejected" and job.repeated and event["code"] == "duplicate_id" and not is_wrong("fails what is known"):
            job.accepted = True
        elif kind == "rejected" and event["code"] in ("rate_limited", "queue_full") and not is_wrong("fails what is refused"):
            after_s = 0 if is_wrong("heeds no retry_after_ms") else event["retry_after_ms"] / 1000
            self.later(after_s, lambda: event["id"] in self.jobs and self.send(job.op))
        elif kind in ("rejected", "failed"):
            known = {"no_image", "worker_error"}
            if is_wrong("knows all codes") and event["code"] not in known:
                sys.exit(f"what is {event['code']}?")
            self.end(job, failed=event["code"])
        elif kind == "cancelled":
            self.end(job, failed="cancelled")
        elif kind == "gap" and not is_wrong("waits after a gap"):
            self.end(job, failed="outcome_lost")

    def end(self, job, **outcome):
        if not job.accepted and is_wrong("needs accepted"):
            return
        del self.jobs[job.op["id"]]
        say(**{"as": job.name}, **outcome)

    # What goes.

    def send(self, op):
        with contextlib.suppress(ConnectionClosed):
            message = json.dumps(op)
            self.socket.send(message.encode() if is_wrong("binary messages") else message)

    def send_many(self, ops):
        """In as few messages as they fit in."""
        while ops:
            some, size = [], 2
            while ops and (size := size + len(json.dumps(ops[0])) + 2) <= self.message_bytes or not some:
                some.append(ops.pop(0))
                if not ops:
                    break
                if is_wrong("messages that are too large"):
                    size = 0
            self.send(some if len(some) > 1 else some[0])


Client().run()
