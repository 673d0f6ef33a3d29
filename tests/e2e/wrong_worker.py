"""A worker that serves all queues of `acequia conform worker`, and makes the mistake that it is told.

Without one it is right: one thread for the network, a thread for each job. It takes its settings as
`acequia worker` does.
"""

import collections
import hmac
import json
import os
import queue
import signal
import sys
import threading
import time

import msgpack
import zmq

FAULT = sys.argv[1] if len(sys.argv) > 1 else None
SLOTS = int(os.environ.get("ACEQUIA_SLOTS", 4))
QUEUES = ["upper", "echo", "sleep", "hang", "throw", "bytes", "progress", "chunks", "publish"]
PACK = 16
BEAT_S = 2

Lane = collections.namedtuple("Lane", "id max_body held")


def is_wrong(*faults):
    return FAULT in faults


class Run:
    """One run of a job."""

    def __init__(self, lane, job, head, body):
        self.lane, self.job, self.head, self.body = lane, job, head, body
        self.cancelled = threading.Event()

    @property
    def type(self):
        return self.head.get("type") or "application/octet-stream"


class Failed(Exception):
    def __init__(self, code, message, retry=True):
        self.head = {"code": code, "message": message, "retry": retry}


class Worker:
    def __init__(self):
        self.context = zmq.Context()
        self.context.setsockopt(zmq.HEARTBEAT_IVL, 30_000)
        self.outbox = queue.SimpleQueue()
        self.wake_here, self.wake_there = (self.context.socket(zmq.PAIR) for _ in range(2))
        self.wake_here.bind("inproc://wake")
        self.wake_there.connect("inproc://wake")
        self.wake_lock = threading.Lock()
        self.lane, self.leaving, self.asked = None, False, False
        self.connect()

    def connect(self):
        self.jobs, self.results = (self.context.socket(kind) for kind in (zmq.PULL, zmq.PUSH))
        self.results.setsockopt(zmq.LINGER, 0)
        if not is_wrong("queues for a server that is gone"):
            self.results.setsockopt(zmq.IMMEDIATE, 1)
        self.jobs.connect(os.environ["ACEQUIA_JOBS"])
        self.results.connect(os.environ["ACEQUIA_RESULTS"])
        if is_wrong("one results connection too many"):
            self.more = self.context.socket(zmq.PUSH)
            self.more.connect(os.environ["ACEQUIA_RESULTS"])

    def run(self):
        poller = zmq.Poller()
        poller.register(self.wake_here, zmq.POLLIN)
        poller.register(self.jobs, zmq.POLLIN)
        beat_s = 9 if is_wrong("silent while it beats") else BEAT_S
        next_beat = time.monotonic() + beat_s
        while True:
            ready = dict(poller.poll(max(0, next_beat - time.monotonic()) * 1000))
            if self.wake_here in ready:
                self.wake_here.recv()
                if self.flush():
                    if self.leaving:
                        return
                    self.begin_anew(poller)
            if self.jobs in ready:
                try:
                    self.receive(self.jobs.recv_multipart())
                except ValueError as error:
                    # What is malformed ends the lane: all begins anew.
                    print(error, file=sys.stderr)
                    self.begin_anew(poller)
            if time.monotonic() >= next_beat:
                next_beat += beat_s
                if self.lane:
                    self.send("beat", self.lane.id)

    def begin_anew(self, poller):
        poller.unregister(self.jobs)
        self.void()
        self.jobs.close(linger=0)
        self.results.close(linger=0)
        self.asked = False
        self.connect()
        poller.register(self.jobs, zmq.POLLIN)

    # What comes.

    def receive(self, frames):
        for at in range(0, len(frames), 4):
            kind, id, head, body = frames[at:at + 4]
            if kind not in (b"hello", b"job", b"cancel", b"bye") and not is_wrong("goes on after what is malformed"):
                raise ValueError("unknown kind")
            try:
                head = msgpack.unpackb(head, strict_map_key=False) if head else {}
            except ValueError:
                raise ValueError("a head that is no MessagePack") from None
            if not isinstance(head, dict):
                if is_wrong("goes on after what is malformed"):
                    continue
                raise ValueError("a head that is no map")
            self.message(kind, id, head, body)
            if is_wrong("takes the first of packed messages"):
                return

    def message(self, kind, id, head, body):
        if is_wrong("dies at an unknown key") and any(key.startswith("x-") for key in head):
            sys.exit("an unknown key")
        if kind == b"hello":
            self.hello(id, head)
        elif kind == b"job":
            self.job(id, head, body)
        elif kind == b"cancel":
            self.cancel(id)
        elif kind == b"bye":
            self.bye()

    def hello(self, id, head):
        if head["v"] != 1 and not is_wrong("ready for another version"):
            return
        if self.lane and is_wrong("no answer to a fresh hello"):
            return
        if not is_wrong("answers of before a new hello"):
            self.void()
        self.lane = Lane(id, head["max_body"], {})
        if is_wrong("prints the lane"):
            print("lane", id.hex(), file=sys.stderr)
        ready = {"slots": SLOTS, "pack": PACK, "queues": QUEUES, "name": "wrong"}
        file = os.environ.get("ACEQUIA_WORKER_TOKEN_FILE")
        if file:
            with open(file, "rb") as open_file:
                token = open_file.read()
            token = token if is_wrong("white space in the token") else token.strip()
            bound = head["nonce"] if is_wrong("wrong auth") else head["nonce"] + id
            ready["auth"] = hmac.digest(token, bound, "sha256")
        if is_wrong("too long a queue"):
            ready["queues"] = [*QUEUES, "q" * 65]
        lane = bytes(reversed(id)) if is_wrong("ready with another id") else id
        if is_wrong("no ready first"):
            self.send("beat", id)
        self.send("ready", lane, ready)
        if not is_wrong("a late first beat"):
            self.send("beat", bytes(16) if is_wrong("a beat with another id") else id)

    def void(self):
        if self.lane:
            for run in self.lane.held.values():
                run.cancelled.set()
            self.lane.held.clear()
        self.lane = None

    def job(self, id, head, body):
        if not self.lane:
            return
        if is_wrong("dies at nil") and head.get("timeout_ms", 0) is None and "meta" not in head:
            sys.exit("timeout_ms is nil")
        if is_wrong("dies at an absent key"):
            head["attempt"] + 1
        if is_wrong("dies at meta") and head.get("meta", {}).keys() - {"traceparent"}:
            sys.exit("unknown meta")
        run = self.lane.held[id] = Run(self.lane, id, head, body)
        threading.Thread(target=self.work, args=(run,), daemon=True).start()

    def cancel(self, id):
        run = self.lane and self.lane.held.get(id)
        if run is None:
            if is_wrong("answers a cancel of no job"):
                self.send("fail", id, {"code": "no_such_job"})
            return
        run.cancelled.set()
        if is_wrong("no answer to a cancel"):
            del self.lane.held[id]
            return
        # For the slot, whatever the run does.
        code = "worker_lost" if is_wrong("a code of the server") else "cancelled"
        self.finish(run, "fail", {"code": code, "retry": False})
        if is_wrong("two answers to a cancel"):
            self.send("fail", id, {"code": "cancelled"})

    def bye(self):
        self.asked = True
        self.post(lambda: None)
        if is_wrong("drops its jobs at a bye"):
            self.void()

    # What is done.

    def work(self, run):
        head, body = {}, b""
        try:
            kind, (head, body) = "done", self.handle(run)
            if len(body) > run.lane.max_body and not is_wrong("a result that is too large"):
                raise Failed("too_large", f"{len(body)} bytes are more than {run.lane.max_body}", False)
        except Failed as failed:
            kind, head, body = "fail", failed.head, b""
        except BaseException as error:
            kind, head, body = "fail", {"message": str(error)[:4096].encode(errors="replace")}, b""
        self.post(lambda: self.finish(run, kind, head, body))

    def handle(self, run):
        name = run.head.get("queue") or "default"
        if name == "echo":
            return {"type": "application/json"} if is_wrong("not what its type says") else {}, run.body
        said = json.loads(run.body)
        if name == "upper":
            return {"type": "application/json"}, json.dumps(said.upper()).encode()
        if name == "sleep":
            if run.cancelled.wait(said / 1000) and not is_wrong("answers of before a new hello"):
                raise Failed("cancelled", "cancelled", False)
        elif name == "hang":
            time.sleep(3600)
        elif name == "throw":
            self.throw(said)
        elif name == "bytes":
            return {"type": "application/octet-stream"}, b"x" * said
        elif name in ("progress", "chunks"):
            for n in range(1, said + 1):
                if name == "progress":
                    done = "much" if is_wrong("progress that is no number") else n
                    self.post(lambda done=done: self.send("progress", run.job, {"done": done, "total": said}))
                else:
                    chunk = b"{" if is_wrong("a chunk that is no JSON") else str(n).encode()
                    self.post(lambda chunk=chunk: self.send("chunk", run.job, {}, chunk))
        elif name == "publish":
            data = b"news!" if is_wrong("publishes no JSON") else json.dumps(said["data"]).encode()
            self.post(lambda: self.send("publish", run.lane.id, {"topic": said["topic"]}, data))
        return {}, run.body

    def throw(self, what):
        if what == "fail":
            retry = is_wrong("retries a bad payload")
            raise Failed("No Image" if is_wrong("a code with a space") else "no_image", "not a picture", retry)
        if what == "other":
            if is_wrong("dies of what is thrown"):
                os._exit(3)
            raise SystemExit("other")
        raise RuntimeError({"error": "boom", "bytes": "caf\udce9", "long": "x" * 10_000}[what])

    # What goes.

    def post(self, act):
        """Has it done by the thread of the network."""
        self.outbox.put(act)
        with self.wake_lock:
            self.wake_there.send(b"")

    def flush(self):
        """True if all is over on these connections."""
        while not self.outbox.empty():
            self.outbox.get()()
        is_idle = not (self.lane and self.lane.held)
        return is_idle and self.asked and (self.leaving or is_wrong("closes at a bye"))

    def finish(self, run, kind, head, body=b""):
        is_held = self.lane is run.lane and run.lane.held.pop(run.job, None) is not None
        if not is_held and not is_wrong("answers of before a new hello"):
            return
        self.send(kind, run.job, head, body)
        if is_wrong("two answers for one job"):
            self.send(kind, run.job, head, body)
        if self.asked:
            self.post(lambda: None)

    def send(self, kind, id, head=None, body=b""):
        head = b"" if head is None else msgpack.packb(head)
        if is_wrong("a key twice") and kind == "done":
            head = b"\x82\xa1x\x01\xa1x\x02"
        if is_wrong("a nil head") and kind == "done" and len(head) < 2:
            head = b"\xc0"
        frames = [kind.encode(), id, head, body]
        if is_wrong("packs by fives") and kind == "done":
            frames = [kind.encode(), id, head, body, b"beat"]
        if is_wrong("an unknown kind") and kind == "done":
            frames[0] = b"finished"
        try:
            # `ready` waits for a connection: there is none in the moment in which the first `hello` comes.
            self.results.send_multipart(frames, 0 if kind == "ready" else zmq.NOBLOCK)
        except zmq.Again:
            # The server is not there, and its lane is over.
            pass

    def leave(self):
        self.leaving = True
        if self.lane:
            if is_wrong("drops its jobs as it ends"):
                self.lane.held.clear()
            self.send("bye", self.lane.id)
            if is_wrong("drops its jobs as it ends"):
                self.asked = True
        else:
            self.asked = True
        self.post(lambda: None)


worker = Worker()
# A signal only wakes the thread of the network: nobody else touches its sockets.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=worker.post, args=(worker.leave,)).start())
worker.run()
# What was sent last has a moment to leave.
worker.results.close(linger=2_000)
worker.context.destroy()
