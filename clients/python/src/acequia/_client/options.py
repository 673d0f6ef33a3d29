"""What may be said of a job that is submitted."""

from __future__ import annotations

from typing import Optional, TypedDict


class Options(TypedDict, total=False):
    """Each is left to the server if it is left out or `None`."""

    id: Optional[str]
    """Your name for the job, at most 128 bytes."""
    key: Optional[str]
    """The same key again is the same job, 1 to 128 bytes."""
    priority: Optional[int]
    """0 to 9, higher goes first; 4 by default."""
    delay_ms: Optional[int]
    """Not before so much time has passed."""
    timeout_ms: Optional[int]
    """A run that takes longer is given up."""
    ttl_ms: Optional[int]
    """If no run has begun by then, the job fails with `expired`."""
    attempts: Optional[int]
    """How many runs may fail before the job does, 1 to 100; 1 by default."""
    on_disconnect: Optional[str]
    """`keep` or `cancel`: what becomes of the job when the call is over."""
    batch: Optional[str]
    """The batch that it is counted in."""
    traceparent: Optional[str]
    """The span that the job's own is to be below."""
