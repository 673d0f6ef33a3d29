"""Workers of stock libzmq: one that a test drives word by word, and one that serves by itself."""

import threading
import uuid
from collections import deque
from typing import NamedTuple

import msgpack
import zmq

from .process import PATIENCE_S


class Message(NamedTuple):
    """A message of the server."""

    kind: str
    id: bytes
    head: dict
    body: bytes

    @property
    def name(self):
        """Its id, as clients and operators know a job."""
        return str(uuid.UUID(bytes=self.id))

    @property
    def value(self):
        """A body of MessagePack."""
        return msgpack.unpackb(self.body)


class Worker:
    """A lane, driven by the test. Not for several threads."""

    def __init__(self, server, *, ready=True, **offer):
        self._context = zmq.Context()
        self.jobs, self.results = (self._context.socket(kind) for kind in (zmq.PULL, zmq.PUSH))
        self.jobs.connect(server.jobs)
        self.results.connect(server.results)
        self._inbox = deque()
        self.lane = None
        if ready:
            self.ready(**offer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Hangs up at once, as a killed process does."""
        self._context.destroy(linger=0)

    def recv(self, patience_s=PATIENCE_S):
        """The next message of the server; packed ones one by one."""
        if not self._inbox:
            if not self.jobs.poll(patience_s * 1000):
                raise AssertionError(f"no message for the worker within {patience_s} s")
            frames = self.jobs.recv_multipart()
            assert len(frames) % 4 == 0, frames
            for at in range(0, len(frames), 4):
                kind, id, head, body = frames[at:at + 4]
                self._inbox.append(Message(kind.decode(), id, msgpack.unpackb(head or b"\x80"), body))
        return self._inbox.popleft()

    def expect(self, kind):
        message = self.recv()
        assert message.kind == kind, message
        return message

    def at_hand(self):
        """Whether a message is here already."""
        return bool(self._inbox) or bool(self.jobs.poll(0))

    def hello(self):
        """Waits for `hello`, which begins a lane."""
        message = self.expect("hello")
        self.lane = message.id
        return message

    def ready(self, **offer):
        hello = self.hello()
        self.send("ready", self.lane, offer or None)
        return hello

    def job(self):
        return self.expect("job")

    def send(self, kind, id, head=None, body=b""):
        frames = [kind.encode(), id, b"" if head is None else msgpack.packb(head), body]
        self.results.send_multipart(frames)

    def done(self, job, body, type=None):
        self.send("done", job.id, {"type": type} if type else None, body)

    def fail(self, job, **head):
        self.send("fail", job.id, head)

    def chunk(self, job, body, type=None):
        self.send("chunk", job.id, {"type": type} if type else None, body)

    def progress(self, job, **head):
        self.send("progress", job.id, head)

    def publish(self, topic, body, type=None):
        self.send("publish", self.lane, {"topic": topic, **({"type": type} if type else {})}, body)


class Serving:
    """A worker in a thread of its own: answers each job with `handler(job)`, bytes of its type."""

    def __init__(self, server, handler=lambda job: job.body, **offer):
        self._handler = handler
        self._worker = Worker(server, **offer)
        self._stop = self._worker._context.socket(zmq.PAIR)
        self._stop.bind(f"inproc://stop-{id(self)}")
        self.error = None
        self._thread = threading.Thread(target=self._serve, args=(offer,), daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self, offer):
        worker = self._worker
        stopped = worker._context.socket(zmq.PAIR)
        stopped.connect(f"inproc://stop-{id(self)}")
        poller = zmq.Poller()
        poller.register(worker.jobs, zmq.POLLIN)
        poller.register(stopped, zmq.POLLIN)
        try:
            while True:
                if stopped in dict(poller.poll()):
                    return
                while worker.at_hand():
                    message = worker.recv()
                    if message.kind == "hello":
                        worker.lane = message.id
                        worker.send("ready", message.id, offer or None)
                    elif message.kind == "job":
                        worker.done(message, self._handler(message))
        except Exception as error:
            self.error = error
        finally:
            stopped.close(linger=0)

    def close(self):
        self._stop.send(b"")
        self._thread.join(PATIENCE_S)
        self._worker.close()
        assert self.error is None, self.error
