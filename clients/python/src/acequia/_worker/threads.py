"""Handlers that are plain functions: each job runs on a thread.

To wake a thread, and to take the interpreter's lock from another, costs more than a small job
itself. So where the handlers have shown that their jobs end at once, one thread runs all that came
in one message, and wakes the network once for all results. As soon as jobs take longer, each
that waits has a thread, until many have ended at once again.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, List, Optional

from . import outcome, wire
from .handler import Task, new_waiting

_QUICK_S = 0.000_5
"""A job that takes longer does not end at once."""

_QUICK_JOBS_MIN = 32
"""So many jobs have to end at once, after one that did not, before others share a thread."""

_QUICK_JOBS_MAX = 64
"""No more count. One job that was slow by chance, as when its thread had to give the interpreter's lock
away, changes nothing; three do."""

_SLOW_JOB = 16
"""So many quick jobs a slow one weighs."""

_TELL_S = 0.001
"""How long a result may wait for others that are to leave with it."""

STALL_S = 0.002
"""How long a thread may be at one job while others wait for it, before they get threads too."""


class Threads:
    """Up to so many threads, made when they are needed.

    A thread whose job nobody waits for any more does not count: a handler that heeds nothing must
    not keep the worker from other jobs.

    Args:
        most: The most threads.
        tell: Called after results were put into their outboxes.
    """

    def __init__(self, most: int, tell: Callable[[], None]):
        self.waiting = new_waiting()
        self._most = most
        self._tell = tell
        self._threads: List[threading.Thread] = []
        # What each of them runs.
        self._tasks: List[Optional[Task]] = []
        # The locks of those threads that have nothing to do: each waits for its own.
        self._parked: List[threading.Lock] = []
        # Until one has shown otherwise: a first burst is not to make as many threads as there are slots.
        self._quick_jobs = _QUICK_JOBS_MAX
        self._next: Optional[Task] = None
        self._next_at = 0.0
        self._is_closed = False

    def wake(self) -> None:
        waiting = self.waiting
        if not waiting:
            self._next = None
            return
        if self._quick_jobs >= _QUICK_JOBS_MIN:
            if len(self._parked) == len(self._threads):
                self._note_next()
                self._start(1)
                return
            if self._goes_on():
                return
            self._quick_jobs = 0
        self._start(len(waiting))

    def _goes_on(self) -> bool:
        """Whether those threads that are at work get on with what waits."""
        if self._note_next():
            return True
        return time.monotonic() - self._next_at < STALL_S

    def _note_next(self) -> bool:
        """Notes what waits for longest; returns whether it is something else than before."""
        try:
            first = self.waiting[0]
        except IndexError:  # a thread has just taken it
            return True
        if first is self._next:
            return False
        self._next, self._next_at = first, time.monotonic()
        return True

    def _start(self, count: int) -> None:
        parked = self._parked
        while count and parked:
            parked.pop().release()
            count -= 1
        for _ in range(min(count, self._most + self._abandoned() - len(self._threads))):
            index = len(self._threads)
            # A handler that never returns must not keep the process alive.
            thread = threading.Thread(
                target=self._serve, args=(index,), name=f"acequia-job-{index + 1}", daemon=True
            )
            self._threads.append(thread)
            self._tasks.append(None)
            thread.start()

    def _abandoned(self) -> int:
        """How many threads are at jobs that nobody waits for, if any more threads are asked for."""
        if len(self._threads) < self._most:
            return 0
        return sum(task is not None and task.job.cancelled for task in self._tasks)

    def _serve(self, index: int) -> None:
        take, clock, tell, parked = self.waiting.popleft, time.monotonic, self._tell, self._parked
        tasks = self._tasks
        place = threading.Lock()
        place.acquire()
        began = told = clock()
        while not self._is_closed:
            try:
                task = take()
            except IndexError:
                tasks[index] = None
                tell()
                parked.append(place)
                if self.waiting and _taken_back(place, parked):
                    continue
                place.acquire()
                began = told = clock()
                continue
            tasks[index] = task
            task.lane.outbox.append(_run(task))
            ended = clock()
            if ended - began > _QUICK_S:
                self._quick_jobs = max(0, self._quick_jobs - _SLOW_JOB)
                told = ended
                tell()
            else:
                if self._quick_jobs < _QUICK_JOBS_MAX:
                    self._quick_jobs += 1
                if ended - told > _TELL_S:
                    told = ended
                    tell()
            began = ended

    def close(self, seconds: float) -> None:
        self._is_closed = True
        self.waiting.clear()
        while self._parked:
            self._parked.pop().release()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


def _taken_back(place: threading.Lock, parked: List[threading.Lock]) -> bool:
    """Takes a place back that nobody has woken yet."""
    try:
        parked.remove(place)
    except ValueError:
        return False
    return True


def _run(task: Task) -> wire.Message:
    job, _, function = task
    if job.cancelled:
        return outcome.cancelled(job)
    try:
        value = function(job)
    # Whatever is raised ends the job, and nothing else.
    except BaseException as error:
        return outcome.failed(job, error)
    return outcome.done(job, value)
