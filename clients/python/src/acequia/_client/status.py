"""Where a job is, as the server says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Mapping, Optional


@dataclass(frozen=True)
class Status:
    """Where a job is, or how it ended. Times are milliseconds since 1970.

    Attributes:
        job: The server's name for it, a UUID.
        state: `delayed`, `waiting`, `running`, `done`, `failed` or `cancelled`.
        id: The client's own name for it; 0 or its place in the array if it has none.
        queue: Where it waits or waited.
        attempt: How many runs have begun.
        submitted_ms: When it was submitted.
        until_ms: Of one that is delayed, until when.
        since_ms: Since when it waits or runs.
        ended_ms: When it ended.
        worker: Who runs it.
        result_type: Of one that is done, the media type of the result.
        code: Of one that failed, why, for programs.
        message: Of one that failed, why, for people.
    """

    job: str
    state: str
    id: Any = None
    queue: Optional[str] = None
    attempt: Optional[int] = None
    submitted_ms: Optional[int] = None
    until_ms: Optional[int] = None
    since_ms: Optional[int] = None
    ended_ms: Optional[int] = None
    worker: Optional[str] = None
    result_type: Optional[str] = None
    code: Optional[str] = None
    message: Optional[str] = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("done", "failed", "cancelled")

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Status:
        """From what the server says. What this version does not know is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in said.items() if key in known})
