"""The inside of a process of a pool: it runs one job at a time, on its main thread."""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, Callable, NamedTuple, NoReturn, Optional

from . import outcome, wire
from .job import Job


class Order(NamedTuple):
    """A job as it goes to the process. `None` in its place cancels the one that runs."""

    module: str
    name: str
    lane: bytes
    max_body: int
    id: bytes
    head: wire.JobHead
    payload: bytes


class Pipe:
    """The way from the process to the lane: a `Link`."""

    def __init__(self, connection: Connection[Any, Any], id: bytes, max_body: int):
        self._connection = connection
        self._sending = threading.Lock()
        self.id = id
        self.max_body = max_body

    def post_if_few(self, message: wire.Message) -> None:
        """Sends a message."""
        self.post_in_turn(message)

    def post_in_turn(self, message: wire.Message, *, wait: bool = True) -> bool:
        """Sends a message; waits while the other end does not take it."""
        with self._sending:
            self._connection.send(message)
        return True


def main(connection: Connection[Any, Any]) -> None:
    """Runs what comes until there is nobody at the other end."""
    # Whoever stops the worker stops its whole group; the worker decides when this process ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    running = _Running(connection)
    threading.Thread(target=running.listen, name="acequia-listen", daemon=True).start()
    running.run()


class _Running:
    """Hears on one thread, so that a cancel reaches the job that runs on the other."""

    def __init__(self, connection: Connection[Any, Any]):
        self._connection = connection
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._job: Optional[Job] = None
        self._is_cancelled = False

    def listen(self) -> None:
        while True:
            try:
                order = self._connection.recv()
            except (EOFError, OSError):
                # The worker is gone, and whatever runs is for nobody.
                os._exit(0)
            if order is not None:
                self._is_cancelled = False
                self._orders.put(order)
                continue
            self._is_cancelled = True
            job = self._job
            if job is not None:
                job._give_up()

    def run(self) -> NoReturn:
        while True:
            order = self._orders.get()
            pipe = Pipe(self._connection, order.lane, order.max_body)
            self._job = job = Job(pipe, order.id, order.head, order.payload)
            if self._is_cancelled:
                job._give_up()
            said = self._outcome(order, job)
            self._job = None
            pipe.post_in_turn(said)

    @staticmethod
    def _outcome(order: Order, job: Job) -> wire.Message:
        try:
            value = _function(order.module, order.name)(job)
        # Whatever is raised ends the job, and nothing else.
        except BaseException as error:
            return outcome.failed(job, error)
        return outcome.done(job, value)


def _function(module: str, name: str) -> Callable[[Job], Any]:
    """The function of this name: the same as in the worker, since both have read the same module."""
    found: Any = sys.modules[module] if module in sys.modules else importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[[Job], Any] = found
    return function
