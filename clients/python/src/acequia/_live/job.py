"""A job as a live client sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, Deque, Dict, Optional

from .._errors import AcequiaError, JobCancelled, JobFailed, Problem
from .events import OUTCOMES, Event

_KEPT_MAX = 10_000
"""Events that wait for whoever iterates, before the oldest are given up."""


class LiveJob:
    """A job that a live client submitted or watches.

    `async for event in job` yields its events as the client protocol describes them, dictionaries
    whose `ev` is the name, from `accepted` to the outcome. Only one may iterate. If 10,000 wait, the
    oldest are given up, and a `gap` says how many.

    Attributes:
        result: A future of the result, to be awaited. Raises `JobFailed`, `JobCancelled`, or another
            `AcequiaError` if no outcome can come any more.
        id: The server's name for the job, a UUID, once it is known.
    """

    def __init__(self, op: Dict[str, Any], encoded: bytes, cancel: Callable[[], None]):
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.id: Optional[str] = op.get("job")
        self._op = op
        self._encoded = encoded
        self._cancel = cancel
        self._is_sent = False
        self._is_repeated = False
        self._is_accepted = False
        self._is_cancelling = False
        self._events: Deque[Event] = deque()
        self._missed = 0
        self._come = asyncio.Event()

    def cancel(self) -> None:
        """Cancels the job, for all who are told of it. Its `result` then raises `JobCancelled`,
        unless it ends otherwise first."""
        self._cancel()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.result.done()

    def __aiter__(self) -> LiveJob:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self.has_ended:
                raise StopAsyncIteration
            self._come.clear()
            await self._come.wait()
        if self._missed:
            missed, self._missed = self._missed, 0
            return {"ev": "gap", "id": self._op["id"], "missed": missed}
        return self._events.popleft()

    def _hear(self, event: Event) -> None:
        """Takes an event in."""
        name = event["ev"]
        self.id = event.get("job", self.id)
        self._is_accepted |= name == "accepted"
        if len(self._events) == _KEPT_MAX:
            self._events.popleft()
            self._missed += 1
        self._events.append(event)
        self._come.set()
        if name == "done" and not self.has_ended:
            self.result.set_result(event["result"])
        elif name == "failed":
            self._fail(JobFailed(
                event["code"], event["message"], job=self.id, attempt=event["attempt"]
            ))
        elif name == "cancelled":
            self._fail(JobCancelled("cancelled", "the job was cancelled", job=self.id))
        elif name in ("rejected", "error"):
            self._fail(Problem.of(event))
        elif name == "gap":
            self._fail(Problem("outcome_lost", "the job has ended, and how is not known any more", job=self.id))

    def _fail(self, error: AcequiaError) -> None:
        """No result comes."""
        if not self.has_ended:
            self.result.set_exception(error)
            # Nobody need ask for it.
            self.result.exception()
        self._come.set()


def ends(event: Event) -> bool:
    """Whether nothing more comes of the job that it is about."""
    return event["ev"] in OUTCOMES or event["ev"] in ("rejected", "gap")
