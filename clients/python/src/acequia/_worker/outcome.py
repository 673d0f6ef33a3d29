"""The end of a run: what the handler returned or raised becomes one `done` or `fail`."""

from __future__ import annotations

import logging
from typing import Any, Optional

from .._failure import Failure
from .._reply import Reply
from .._text import mended
from . import wire
from .job import Job

_log = logging.getLogger("acequia")


def done(job: Job, value: Any) -> wire.Message:
    """`done`, or `fail` if the value cannot be sent."""
    try:
        reply = Reply.of(value, job.type).checked("result", job.max_body)
    except Failure as failure:
        return _fail(job, failure.code, failure.message, failure.retry)
    head = b"" if reply.type is None or reply.type == job.type else wire.of_type(reply.type)
    return wire.DONE, job.raw_id, head, reply.body


def failed(job: Job, error: BaseException) -> wire.Message:
    """`fail`, whatever it is that was raised."""
    if isinstance(error, Failure):
        return _fail(job, error.code, error.message, error.retry)
    if job.cancelled:
        # What a handler says that is pulled out of its work is not news.
        return cancelled(job)
    _log.error("job %s of the queue %s failed", job.id, job.queue, exc_info=error)
    return _fail(job, None, _text_of(error), True)


def cancelled(job: Job) -> wire.Message:
    """`fail` for a run that nobody waits for."""
    failure = Failure.cancelled()
    return _fail(job, failure.code, failure.message, failure.retry)


def _fail(job: Job, code: Optional[str], message: str, retry: bool) -> wire.Message:
    return wire.FAIL, job.raw_id, wire.fail(code, message, retry), b""


def _text_of(error: BaseException) -> str:
    """What an exception says; its kind where that alone would tell too little."""
    name = type(error).__name__
    try:
        args = error.args
        # Some pass on the bytes that a program or a network said.
        text = mended(args[0]) if len(args) == 1 and isinstance(args[0], bytes) else str(error)
    # The text is made by whoever wrote the exception, and may fail as anything else.
    except Exception:
        return name
    if not isinstance(error, Exception) or isinstance(error, KeyError):
        return f"{name}: {text}" if text else name
    return text or name
