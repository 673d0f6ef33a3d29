"""Handlers that compute: each job runs in a process of a pool.

A thread of this process looks after each of them: it hands the jobs over, passes on what is said of
them, and replaces a process that has died.
"""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import threading
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Optional

from .._failure import Failure
from . import child, outcome, wire
from .bell import Bell
from .handler import Task, new_waiting
from .lane import Lane

NAME = "acequia-process"
"""How the names of the processes begin."""

_DIED = "process_died"
_END_S = 1.0
"""How long a process that has nothing to do may take to end."""


class Processes:
    """A pool of processes.

    Args:
        count: How many.
        cancel_grace_s: How long a job may run on that was cancelled, before its process is killed.
    """

    def __init__(self, count: int, cancel_grace_s: float):
        self.waiting = new_waiting()
        self._come = threading.Condition()
        self._is_closed = False
        self._keepers = [_Keeper(self, number, cancel_grace_s) for number in range(1, count + 1)]
        # Of a program that ends without having stopped its worker nothing is left either.
        atexit.register(self.close, 0)

    def wake(self) -> None:
        if self.waiting:
            with self._come:
                self._come.notify(len(self.waiting))

    def next(self) -> Optional[Task]:
        """Waits for the next task; `None` at the end."""
        with self._come:
            while not self.waiting and not self._is_closed:
                self._come.wait()
            return None if self._is_closed else self.waiting.popleft()

    def close(self, seconds: float) -> None:
        atexit.unregister(self.close)
        with self._come:
            self._is_closed = True
            self.waiting.clear()
            self._come.notify_all()
        until = time.monotonic() + seconds
        for keeper in self._keepers:
            keeper.close(max(0.0, until - time.monotonic()))


class _Died(Exception):
    """The process has ended; the text says how."""


class _Keeper:
    """Looks after one process, on a thread of its own."""

    def __init__(self, pool: Processes, number: int, cancel_grace_s: float):
        self._pool = pool
        self._name = f"{NAME}-{number}"
        self._cancel_grace_s = cancel_grace_s
        self._bell = Bell()
        self._process: Optional[BaseProcess] = None
        self._connection: Connection[Any, Any]
        self._thread = threading.Thread(target=self._keep, name=self._name, daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Waits so long for the job that runs to end, and kills its process otherwise."""
        self._thread.join(seconds)
        process = self._process
        if self._thread.is_alive() and process is not None:
            process.kill()
            self._thread.join()

    def _keep(self) -> None:
        self._begin()
        while True:
            task = self._pool.next()
            if task is None:
                break
            task.lane.post(self._outcome(task))
        self._end()
        self._bell.close()

    def _begin(self) -> BaseProcess:
        # A new interpreter: what a fork takes along of other threads is in any state.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        process = context.Process(target=child.main, args=(theirs,), name=self._name, daemon=True)
        process.start()
        theirs.close()
        self._process = process
        return process

    def _end(self, *, kill: bool = False) -> str:
        """Ends the process; returns how it has ended."""
        process, self._process = self._process, None
        if process is None:
            return "it is gone"
        if kill:
            process.kill()
        self._connection.close()
        process.join(_END_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        code = process.exitcode or 0
        return f"it was ended by {_signal(-code)}" if code < 0 else f"it ended with the exit code {code}"

    def _outcome(self, task: Task) -> wire.Message:
        process = self._process
        if process is None or not process.is_alive():
            self._end()
            process = self._begin()
        try:
            return self._run(task, process)
        except _Died as error:
            return outcome.failed(task.job, Failure(str(error), code=_DIED))

    def _run(self, task: Task, process: BaseProcess) -> wire.Message:
        job, lane, function = task
        job._tell_of_cancel(self._bell.ring)
        self._say(child.Order(
            function.__module__, function.__qualname__, lane.id, lane.max_body,
            job.raw_id, job._head, job.payload,
        ))
        kill_at: Optional[float] = None
        while True:
            if job.cancelled and kill_at is None:
                kill_at = time.monotonic() + self._cancel_grace_s
                self._say(None)
            self._bell.is_asleep = True
            # It may have been cancelled before the bell was listened to.
            left = 0.0 if job.cancelled and kill_at is None else _left(kill_at)
            ready = wait([self._connection, process.sentinel, self._bell.fileno()], left)
            self._bell.is_asleep = False
            self._bell.clear()
            if self._connection in ready:
                message = self._hear()
                if message[0] in (wire.DONE, wire.FAIL):
                    return message
                self._pass_on(lane, message)
            elif process.sentinel in ready:
                raise self._died()
            elif kill_at is not None and time.monotonic() >= kill_at:
                self._end(kill=True)
                return outcome.cancelled(job)

    def _pass_on(self, lane: Lane, message: wire.Message) -> None:
        if message[0] == wire.PROGRESS:
            lane.post_if_few(message)
        else:
            lane.post_in_turn(message)

    def _say(self, order: Optional[child.Order]) -> None:
        try:
            self._connection.send(order)
        except OSError:
            raise self._died() from None

    def _hear(self) -> wire.Message:
        try:
            message: wire.Message = self._connection.recv()
        except (EOFError, OSError):
            raise self._died() from None
        return message

    def _died(self) -> _Died:
        return _Died(f"the process that ran the job is gone: {self._end()}")


def _left(until: Optional[float]) -> Optional[float]:
    return None if until is None else max(0.0, until - time.monotonic())


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
