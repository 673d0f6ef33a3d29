"""What an event of the server has to be like. No IO."""

from __future__ import annotations

import re
import uuid
from typing import Any, Callable, Dict, Mapping

Event = Dict[str, Any]
"""An event as the client protocol describes it: `ev` is its name."""

OUTCOMES = frozenset({"done", "failed", "cancelled"})
"""The events that end a job."""

Check = Callable[[Any], bool]

_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


class BadEvent(Exception):
    """What the server sent is no event."""


def _integer(most: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _id(value: Any) -> bool:
    return _text(value) or (isinstance(value, int) and not isinstance(value, bool))


def _uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _limits(value: Any) -> bool:
    return isinstance(value, dict) and all(_U64(limit) for limit in value.values())


def _anything(value: Any) -> bool:
    return True


def _traceparent(value: Any) -> bool:
    return isinstance(value, str) and _TRACEPARENT.fullmatch(value) is not None


_U16 = _integer(2**16 - 1)
_U32 = _integer(2**32 - 1)
_U64 = _integer(2**64 - 1)
_JOB: Mapping[str, Check] = {"id": _id, "job": _uuid}
_TRACED: Mapping[str, Check] = {**_JOB, "traceparent?": _traceparent}

# A key with a question mark may be missing.
_KEYS: Mapping[str, Mapping[str, Check]] = {
    "welcome": {"session?": _text, "resumed": _boolean, "limits": _limits},
    "accepted": _TRACED,
    "rejected": {"id": _id, "code": _text, "message": _text, "retry_after_ms?": _U64},
    "started": {**_JOB, "attempt": _U32, "worker": _text},
    "progress": {**_JOB, "done?": _number, "total?": _number, "note?": _text},
    "chunk": {**_JOB, "n": _U32, "data": _anything},
    "retrying": {**_JOB, "attempt": _U32, "code": _text, "message": _text, "in_ms": _U64},
    "done": {**_TRACED, "result": _anything},
    "failed": {**_TRACED, "code": _text, "message": _text, "attempt": _U32},
    "cancelled": _TRACED,
    "batch": {
        "batch": _text, "jobs": _U32, "done": _U32, "failed": _U32, "cancelled": _U32, "elapsed_ms": _U64,
    },
    "message": {"topic": _text, "data": _anything},
    "gap": {"id?": _id, "job?": _uuid, "missed": _U64},
    "error": {"id?": _id, "code": _text, "message": _text, "retry_after_ms?": _U64},
    "bye": {"reason": _text, "reconnect_in_ms": _U32, "close": _U16},
}


def is_known(event: Event) -> bool:
    """Whether it is an event that this client knows; others are to be ignored.

    Raises `BadEvent` if it is none, or one that is known and not as it has to be.
    """
    name = event.get("ev")
    if not isinstance(name, str):
        raise BadEvent("an event without a good `ev`")
    keys = _KEYS.get(name)
    if keys is None:
        return False
    for key, check in {**keys, "seq?": _U64}.items():
        name_of, optional = key.rstrip("?"), key.endswith("?")
        value = event.get(name_of)
        if name_of not in event or (optional and value is None):
            if not optional:
                raise BadEvent(f"`{name}` has no good `{name_of}`")
        elif not check(value):
            raise BadEvent(f"`{name}` has no good `{name_of}`")
    return True
