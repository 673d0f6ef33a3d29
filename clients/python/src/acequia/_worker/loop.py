"""Handlers that are coroutine functions: each job is a task of one event loop."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from typing import Callable, Optional, Set

from . import outcome, wire
from .handler import Task, new_waiting


class Loop:
    """An event loop on a thread of its own, which begins with the first job.

    Args:
        tell: Called after results were put into their outboxes.
    """

    def __init__(self, tell: Callable[[], None]):
        self.waiting = new_waiting()
        self._tell = tell
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None
        self._tasks: Set[asyncio.Task[wire.Message]] = set()
        self._is_called = False
        self._is_telling = False

    def wake(self) -> None:
        if not self.waiting or self._is_called:
            return
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._serve, args=(self._loop,), name="acequia-loop", daemon=True
            )
            self._thread.start()
        self._is_called = True
        self._loop.call_soon_threadsafe(self._start)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _start(self) -> None:
        assert self._loop is not None
        self._is_called = False
        while self.waiting:
            task = self.waiting.popleft()
            running = self._loop.create_task(_run(task))
            self._tasks.add(running)
            running.add_done_callback(functools.partial(self._end, task))
            task.job._tell_of_cancel(functools.partial(self._cancel, running))

    def _cancel(self, running: asyncio.Task[wire.Message]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(running.cancel)
        except RuntimeError:  # the loop is closed, and the task with it
            pass

    def _end(self, task: Task, running: asyncio.Task[wire.Message]) -> None:
        self._tasks.discard(running)
        # A task may be cancelled before it has begun.
        said = outcome.cancelled(task.job) if running.cancelled() else running.result()
        task.lane.outbox.append(said)
        if not self._is_telling and self._loop is not None:
            # Once for all that end in the same turn of the loop.
            self._is_telling = True
            self._loop.call_soon(self._tell_all)

    def _tell_all(self) -> None:
        self._is_telling = False
        self._tell()

    def close(self, seconds: float) -> None:
        self.waiting.clear()
        if self._loop is None or self._thread is None:
            return
        until = time.monotonic() + seconds
        ending = asyncio.run_coroutine_threadsafe(self._give_up(seconds), self._loop)
        try:
            ending.result(seconds + 1)
        except Exception:  # a handler holds the loop up
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(max(0.1, until - time.monotonic()))

    async def _give_up(self, seconds: float) -> None:
        for running in self._tasks:
            running.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)


async def _run(task: Task) -> wire.Message:
    job, _, function = task
    try:
        value = await function(job)
    # Whatever is raised ends the job, and nothing else: of the loop's own, SystemExit would end it.
    except BaseException as error:
        return outcome.failed(job, error)
    return outcome.done(job, value)
