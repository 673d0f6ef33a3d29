"""A client and a worker that mind their own business while others misbehave."""

import threading
import time

from .client import Client
from .process import eventually
from .worker import Serving

IN_FLIGHT = 4


class Steady:
    """A steady stream of jobs through a queue of its own, from now to `close`."""

    def __init__(self, server, queue="steady"):
        self._queue = queue
        self._worker = Serving(server, lambda job: job.body.upper(), slots=IN_FLIGHT, queues=[queue], name=queue)
        self._client = Client(server)
        self._stopping = threading.Event()
        self.done = 0
        self.slowest_s = 0.0
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        self.go_on(20)
        return self

    def __exit__(self, kind, *_):
        self._stopping.set()
        self._thread.join(60)
        self._client.close()
        self._worker.close()
        if kind is None:
            assert self.error is None, self.error

    def _run(self):
        try:
            while not self._stopping.is_set():
                submitted = time.monotonic()
                texts = [f"drop {self.done + nth}" for nth in range(IN_FLIGHT)]
                ids = self._client.submit_many(texts, queue=self._queue)
                for id, text in zip(ids, texts, strict=True):
                    assert self._client.result(id) == text.upper()
                    # A second run would mean that its worker was disturbed.
                    started = [e for e in self._client.of(id) if e["ev"] == "started"]
                    assert [e["attempt"] for e in started] == [1], started
                self._client.events.clear()
                self.slowest_s = max(self.slowest_s, time.monotonic() - submitted)
                self.done += IN_FLIGHT
        except BaseException as error:  # told by the thread that asks
            self.error = error

    def go_on(self, count=100):
        """Waits for so many more jobs; fails if any of the stream did."""
        until = self.done + count
        eventually(lambda: self.error or self.done >= until, f"{count} more steady jobs")
        assert self.error is None, self.error
