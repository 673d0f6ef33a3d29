"""Why a job failed."""

from __future__ import annotations

from typing import Optional


class Failure(Exception):
    """What a handler raises to fail its job, with a word for the client's program.

    Any other exception fails the job too: its text is the message, the client sees the code
    `worker_error`, and the job may be tried again.

    Args:
        message: What happened, for people. At most 4,096 bytes of it reach the client.
        code: A word in snake_case on which the client's program may act, such as `no_image`. At
            most 64 bytes of it reach the client. Without one the client sees `worker_error`.
        retry: Whether another attempt may help. The client says how many it allows. Say `False`
            if the payload itself is bad.
    """

    def __init__(self, message: str = "", *, code: Optional[str] = None, retry: bool = True):
        super().__init__(message)
        self.message = message
        self.code = code
        self.retry = retry

    @classmethod
    def cancelled(cls) -> Failure:
        """What a handler raises that stops because nobody waits for its job any more."""
        return cls("the job was cancelled", code="cancelled", retry=False)
