"""Handlers of any kind behind one face, and what may run them."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, NamedTuple, Protocol

from .job import Job
from .lane import Lane


class Task(NamedTuple):
    """A job that waits for its handler."""

    job: Job
    lane: Lane
    function: Callable[[Job], Any]


class Runner(Protocol):
    """What runs the handlers of some queues.

    The network thread appends to `waiting`, and calls `wake` when it has nothing else to do.
    """

    waiting: Deque[Task]

    def wake(self) -> None:
        """Starts what waits. Returns at once."""

    def close(self, seconds: float) -> None:
        """Ends what it can end within so many seconds; nothing runs that has not begun."""


class Handler(NamedTuple):
    """What a queue is served with."""

    function: Callable[[Job], Any]
    runner: Runner


def new_waiting() -> Deque[Task]:
    """A queue for `Runner.waiting`."""
    return deque()
