"""What goes wrong, as exceptions."""

from __future__ import annotations

from typing import Any, Mapping, Optional


class AcequiaError(Exception):
    """What all exceptions of this package have in common, but for `Failure`."""


class WorkerError(AcequiaError):
    """A worker that cannot start, or cannot go on.

    Its options are at fault, or the server speaks another version of the protocol. A server that is
    not there, or goes, is no error: the worker dials it again.
    """


class Unreachable(AcequiaError):
    """No server answered, and it was tried for as long as it may be.

    If it was a submit, the job may have been taken or not.
    """


class StillRunning(AcequiaError, TimeoutError):
    """The job has not ended within the time that the caller gave it. It goes on.

    Attributes:
        job: Its id.
    """

    def __init__(self, job: str):
        super().__init__(job)
        self.job = job

    def __str__(self) -> str:
        return f"the job {self.job} has not ended within the time given; it goes on"


class Problem(AcequiaError):
    """What the server refused, or could not do.

    Attributes:
        code: A word for programs, such as `not_found`.
        detail: What is wrong and what to do, for people.
        status: The HTTP status; 0 if it did not come over HTTP.
        retry_after_ms: When another try is worth while, if waiting helps.
        job: The job that it is about, if there is one.
        attempt: Of a job that failed, the run that was the last; 0 if there was none.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 0,
        retry_after_ms: Optional[int] = None,
        job: Optional[str] = None,
        attempt: Optional[int] = None,
    ):
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after_ms = retry_after_ms
        self.job = job
        self.attempt = attempt

    def __str__(self) -> str:
        return f"{self.detail} ({self.code})" if self.detail else self.code

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Problem:
        """From what the server says."""
        return cls(
            str(said.get("code", "unknown")),
            str(said.get("detail", said.get("message", ""))),
            status=int(said.get("status", 0)),
            retry_after_ms=said.get("retry_after_ms"),
            job=said.get("job"),
            attempt=said.get("attempt"),
        )


class JobFailed(Problem):
    """The job failed. `code` and `detail` are what its worker said, or the server for it."""


class JobCancelled(Problem):
    """The job was cancelled."""
