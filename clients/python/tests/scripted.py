"""A server that a test plays word by word, for what the real one does not say when it is asked to."""

import msgpack
import zmq
from zmq.utils.monitor import recv_monitor_message

from harness.process import PATIENCE_S

NONCE = bytes(range(32))


class Scripted:
    """Binds both endpoints. Not for several threads."""

    def __init__(self):
        self._context = zmq.Context()
        self._jobs = self._context.socket(zmq.PUSH)
        self._results = self._context.socket(zmq.PULL)
        self.jobs = f"tcp://127.0.0.1:{self._jobs.bind_to_random_port('tcp://127.0.0.1')}"
        self.results = f"tcp://127.0.0.1:{self._results.bind_to_random_port('tcp://127.0.0.1')}"
        self._heard = []
        self._watch()

    def _watch(self):
        self._monitor = self._jobs.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)

    def wait_for(self, event):
        """Waits for something to happen to a worker's jobs connection."""
        while True:
            assert self._monitor.poll(PATIENCE_S * 1000), "nothing happened to the connection"
            if recv_monitor_message(self._monitor)["event"] == event:
                return

    def wait_dialled_anew(self):
        """Waits until the worker has hung up and dialled again: what is sent before goes astray."""
        self.wait_for(zmq.EVENT_DISCONNECTED)
        self.wait_for(zmq.EVENT_HANDSHAKE_SUCCEEDED)

    def say(self, *messages):
        """Sends messages in one ZeroMQ message: kind, id, head and body each."""
        frames = []
        for kind, id, head, body in messages:
            frames += [kind.encode(), id, msgpack.packb(head), body]
        self.say_frames(frames)

    def say_frames(self, frames):
        self._jobs.send_multipart(frames)

    def hello(self, lane, **head):
        self.say(("hello", lane, {"v": 1, "nonce": NONCE, "max_body": 1 << 20, "server": "scripted", **head}, b""))

    def job(self, id, body=b"null", **head):
        head = {"queue": "default", "attempt": 1, "type": "application/json", "timeout_ms": None, "meta": {}, **head}
        return "job", id, head, body

    def pack(self):
        """The messages of the next ZeroMQ message: kind, id, head and body each."""
        assert self._results.poll(PATIENCE_S * 1000), "the worker said nothing"
        frames = self._results.recv_multipart()
        assert len(frames) % 4 == 0
        return [
            (frames[at].decode(), frames[at + 1], msgpack.unpackb(frames[at + 2] or b"\x80"), frames[at + 3])
            for at in range(0, len(frames), 4)
        ]

    def next(self):
        """The next message that is no `beat`."""
        while True:
            while self._heard:
                message = self._heard.pop(0)
                if message[0] != "beat":
                    return message
            self._heard = self.pack()

    def ready(self, lane, **head):
        """Greets the worker, and hears its `ready`."""
        self.hello(lane, **head)
        kind, id, offer, _ = self.next()
        assert (kind, id) == ("ready", lane)
        return offer

    def drop(self):
        """Closes the port for jobs, and binds it anew: the worker's connection is over."""
        endpoint = self.jobs
        self._jobs.disable_monitor()
        self._monitor.close()
        self._jobs.close(linger=0)
        self._jobs = self._context.socket(zmq.PUSH)
        self._watch()
        while True:
            try:
                self._jobs.bind(endpoint)
                return
            except zmq.ZMQError as error:
                # The old one is closed by a thread of the library's own.
                if error.errno != zmq.EADDRINUSE:
                    raise

    def close(self):
        self._context.destroy(linger=0)
