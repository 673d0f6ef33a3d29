"""What a client asks, and what it makes of the answers. No IO.

A flow is a generator. It yields what is to be done, a `Call` to be made or a `Pause` to be waited
for, and is sent what came of it. What it returns is what the client's method returns.
"""

from __future__ import annotations

import time
from typing import Any, Generator, List, NamedTuple, Optional, TypeVar, Union

from .._backoff import Backoff
from .._errors import JobCancelled, JobFailed, Problem, StillRunning, Unreachable
from .._reply import Reply
from .._values import from_json
from . import calls
from .calls import Answer, Call, Lost
from .status import Status

T = TypeVar("T")

_FOR_NOW = (429, 503)
"""Statuses of what was refused for now: it was not done, and may be tried again."""

_NO_RESULT = 404
_NOT_ENDED = "not_ended"
_CANCELLED = "cancelled"
_NO_JOB = ("not_found", "http")
"""Of an answer about a job that is not there, or of something else than our server."""


class Pause(NamedTuple):
    """Nothing is to be done for so many seconds."""

    seconds: float


Step = Union[Call, Pause]
Flow = Generator[Step, Any, T]


class Patience(NamedTuple):
    """How long to try.

    Attributes:
        retry_s: For how many seconds to try again what fails for now.
    """

    retry_s: float

    def answered(self, call: Call) -> Flow[Answer]:
        """Makes a call, again and again where that is safe, until something else comes of it.

        A refusal that stays is returned as the answer. Raises `Unreachable`.
        """
        backoff = Backoff(0.2, 5.0)
        until = time.monotonic() + self.retry_s
        while True:
            got: Union[Answer, Lost] = yield call
            pause = backoff.pause_s()
            if isinstance(got, Lost):
                again = call.may_be_repeated or not got.was_sent
                if not again or time.monotonic() + pause > until:
                    raise Unreachable(f"no answer to {call.method} {call.path}: {got.error}") from got.error
            elif got.status in _FOR_NOW:
                pause += (calls.problem_of(got).retry_after_ms or 0) / 1000
                if time.monotonic() + pause > until:
                    return got
            else:
                return got
            yield Pause(pause)

    def submit(self, call: Call) -> Flow[Status]:
        """Submits a job and does not wait for it."""
        answer = yield from self.answered(call)
        return Status.of(_accepted(answer))

    def submit_many(self, call: Call) -> Flow[List[Union[Status, Problem]]]:
        """Submits many jobs, each of which is taken or refused."""
        answer = yield from self.answered(call)
        return [Status.of(said) if "job" in said and "state" in said else Problem.of(said)
                for said in _accepted(answer)]

    def call(self, call: Call, wait_s: Optional[float]) -> Flow[Reply]:
        """Submits a job and waits for its result."""
        deadline = _Deadline(wait_s)
        answer = yield from self.answered(call)
        if answer.status != 202:
            return _result(answer)
        status = Status.of(_accepted(answer))
        return (yield from self.result(status.job, deadline.left_s()))

    def status(self, job: str) -> Flow[Status]:
        """Asks where a job is."""
        answer = yield from self.answered(calls.status(job, 0))
        return Status.of(_accepted(answer))

    def wait(self, job: str, wait_s: Optional[float]) -> Flow[Status]:
        """Waits until a job has ended, or the time is over."""
        deadline = _Deadline(wait_s)
        while True:
            answer = yield from self.answered(calls.status(job, deadline.step_s()))
            status = Status.of(_accepted(answer))
            if status.has_ended or deadline.is_over():
                return status

    def result(self, job: str, wait_s: Optional[float]) -> Flow[Reply]:
        """Waits for the result of a job. Raises `StillRunning` when the time is over."""
        deadline = _Deadline(wait_s)
        while True:
            answer = yield from self.answered(calls.result(job, deadline.step_s()))
            if answer.status != _NO_RESULT:
                return _result(answer)
            problem = calls.problem_of(answer)
            if problem.code == _CANCELLED:
                raise calls.problem_of(answer, JobCancelled)
            if problem.code in _NO_JOB:
                raise problem
            if problem.code != _NOT_ENDED:
                raise (yield from self._failure(job))
            if deadline.is_over():
                raise StillRunning(job)

    def _failure(self, job: str) -> Flow[JobFailed]:
        """Why a job failed, in the words of whoever failed it."""
        status = yield from self.status(job)
        return JobFailed(
            status.code or "worker_error", status.message or "", status=422, job=job, attempt=status.attempt
        )

    def cancel(self, job: str) -> Flow[bool]:
        """Cancels a job; false if it had ended already."""
        answer = yield from self.answered(calls.cancel(job))
        if answer.status == 409:
            return False
        _accepted(answer)
        return True

    def publish(self, call: Call) -> Flow[int]:
        """Publishes; returns how many sessions are told."""
        answer = yield from self.answered(call)
        subscribers: int = _accepted(answer)["subscribers"]
        return subscribers


class _Deadline:
    """A wait of so many seconds, in steps of what one call may take; `None` has no end."""

    def __init__(self, wait_s: Optional[float]):
        self._until = None if wait_s is None else time.monotonic() + wait_s

    def left_s(self) -> Optional[float]:
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def step_s(self) -> float:
        return calls.step_of(self.left_s())

    def is_over(self) -> bool:
        # The server waits whole seconds, so that the last step may have been too long by half of one.
        left = self.left_s()
        return left is not None and left <= 0


def _accepted(answer: Answer) -> Any:
    """What the server says where it did what it was asked. Raises `Problem` otherwise."""
    if not 200 <= answer.status < 300:
        raise calls.problem_of(answer)
    return from_json(answer.body)


def _result(answer: Answer) -> Reply:
    """The result in an answer. Raises what there is in its place."""
    if answer.status == 200:
        return calls.reply_of(answer)
    if answer.status == 422:
        raise calls.problem_of(answer, JobFailed)
    problem = calls.problem_of(answer)
    if problem.code == _CANCELLED:
        raise calls.problem_of(answer, JobCancelled)
    raise problem
