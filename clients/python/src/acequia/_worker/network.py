"""The thread that owns all sockets. It runs no handler."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Callable, Collection, List, Mapping, Optional, Tuple

import zmq

from .bell import Bell
from .connection import Connection
from .handler import Handler, Runner
from .settings import Settings
from .sockets import Sockets
from .threads import STALL_S

_log = logging.getLogger("acequia")

_GIVE_UP_S = 6.0
"""How long handlers may take to return that were told to give up, when the worker ends."""


class Network:
    """Runs the conversations with all servers.

    Args:
        settings: Of the worker.
        bell: What wakes this thread.
        handlers: By the queues that they serve.
        runners: What runs the handlers.
    """

    def __init__(
        self,
        settings: Settings,
        bell: Bell,
        handlers: Mapping[str, Handler],
        runners: Collection[Runner],
    ):
        self._bell = bell
        self._runners = runners
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._connections = [
            Connection(self._context, endpoints, settings, handlers, bell.ring)
            for endpoints in settings.servers
        ]
        self._at_end: Callable[[], None]
        self._stops = False
        self._has_stopped = False
        self._thread = threading.Thread(target=self._run, name="acequia-network", daemon=True)
        self._ended = threading.Event()
        self.error: Optional[BaseException] = None
        """Why it ended, if it was not told to."""

    def start(self, at_end: Callable[[], None] = lambda: None) -> None:
        """Begins. Once only. Calls `at_end` when it has ended."""
        self._at_end = at_end
        self._thread.start()

    def stop(self) -> None:
        """Says that it is to end, as soon as what is held has. From any thread or signal handler."""
        self._stops = True
        self._bell.ring()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Waits until it has ended; returns whether it has."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            # Who only started it may never ask.
            _log.error("the worker cannot go on: %s", error)
            self.error = error
        finally:
            for runner in self._runners:
                runner.close(_GIVE_UP_S)
            # Ends when the last results are written, or took too long to be.
            self._context.destroy() if self.error else self._context.term()
            self._bell.close()
            self._ended.set()
            self._at_end()

    def _serve(self) -> None:
        connections = self._connections
        polled = Polled(self._bell)
        while True:
            now = time.monotonic()
            if self._stops and not self._has_stopped:
                self._has_stopped = True
                _log.info("stopping: no more jobs are taken, those that are held are finished")
                for connection in connections:
                    connection.stop(now)
            for connection in connections:
                connection.turn(now)
            if all(connection.is_over for connection in connections):
                return
            # Last, so that those who are woken find this thread waiting, and the interpreter's lock
            # with nobody.
            for runner in self._runners:
                runner.wake()
            polled.follow(connections)
            polled.wait(self._seconds_left(), self._has_work)

    def _seconds_left(self) -> float:
        """Until something is due, if nothing happens before."""
        left = min(connection.due_at() for connection in self._connections) - time.monotonic()
        if any(runner.waiting for runner in self._runners):
            left = min(left, STALL_S)
        return left

    def _has_work(self) -> bool:
        if self._stops and not self._has_stopped:
            return True
        return any(connection.has_to_send for connection in self._connections)


class Polled:
    """What the thread waits for: its bell, and the sockets that there are."""

    def __init__(self, bell: Bell):
        self._bell = bell
        self._poller = zmq.Poller()
        self._sockets: List[Tuple[Optional[Sockets], bool]] = []

    def follow(self, connections: List[Connection]) -> None:
        """Looks which sockets there are by now, and whether one is to be written to."""
        sockets = [(connection.sockets, connection.is_blocked) for connection in connections]
        if sockets == self._sockets:
            return
        self._sockets = sockets
        self._poller = zmq.Poller()
        self._poller.register(self._bell, zmq.POLLIN)
        for pair, is_blocked in sockets:
            if pair is not None:
                self._poller.register(pair.pull, zmq.POLLIN)
                self._poller.register(pair.monitor, zmq.POLLIN)
                if is_blocked:
                    self._poller.register(pair.push, zmq.POLLOUT)

    def wait(self, seconds: float, has_work: Callable[[], bool]) -> None:
        """Waits until something happens, the bell is rung, or the time is over."""
        bell = self._bell
        bell.is_asleep = True
        # Who has put something into an outbox since the last look may have found this thread awake.
        timeout = 0 if has_work() else _milliseconds(seconds)
        for thing, _ in self._poller.poll(timeout):
            if thing == bell.fileno():
                bell.clear()
        bell.is_asleep = False


def _milliseconds(seconds: float) -> Optional[int]:
    """Of a wait, rounded up; None if it has no end."""
    return None if seconds == math.inf else max(0, math.ceil(seconds * 1000))
