"""Calls of the HTTP API and their answers. No IO."""

from __future__ import annotations

import json
import uuid
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Type
from urllib.parse import quote, urlencode

from .. import _types
from .._errors import Problem
from .._reply import Reply
from .._values import from_json, from_msgpack, to_json

WAIT_S_MAX = 20.0
"""How long one call waits, in seconds. Proxies cut calls that are silent for long."""


class Call(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: Optional[bytes] = None
    wait_s: float = 0.0
    """How long the server may wait with its answer, in seconds."""
    may_be_repeated: bool = True
    """Whether to make it twice is as good as once."""


class Answer(NamedTuple):
    """A response. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(NamedTuple):
    """There was no response."""

    error: Exception
    was_sent: bool
    """Whether the server may have the request."""


def step_of(wait_s: Optional[float]) -> float:
    """How long one call waits of a wait of so many seconds; `None` has no end."""
    return WAIT_S_MAX if wait_s is None else min(wait_s, WAIT_S_MAX)


def body_of(payload: Any, type: Optional[str]) -> Reply:
    """A payload as it is sent. Raises `TypeError` or `ValueError` if it cannot be."""
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return Reply(payload, type or _types.OCTETS)
    if type is None:
        return Reply(to_json(payload), _types.JSON)
    if not isinstance(payload, str):
        raise TypeError(f"a payload with a type is bytes or a string, not {payload.__class__.__name__}")
    return Reply(payload.encode(), type)


def submit(
    queue: str, payload: Any, type: Optional[str], wait_s: float, options: Mapping[str, Any]
) -> Call:
    """Submits one job. Without a `key` it gets one, so that it may be submitted again."""
    rest = {name: value for name, value in options.items() if value is not None}
    body = body_of(payload, type)
    headers = {
        "Content-Type": body.type or _types.OCTETS,
        "Idempotency-Key": str(rest.pop("key", None) or uuid.uuid4()),
    }
    traceparent = rest.pop("traceparent", None)
    if traceparent is not None:
        headers["traceparent"] = traceparent
    if wait_s:
        headers["Prefer"] = f"wait={max(1, round(wait_s))}"
    query = f"?{urlencode(rest)}" if rest else ""
    path = f"/v1/queues/{quote(queue, safe='')}/jobs{query}"
    return Call("POST", path, headers, body.body, wait_s)


def submit_many(jobs: Iterable[Mapping[str, Any]], options: Mapping[str, Any]) -> Call:
    """Submits many jobs, each with a key."""
    shared = {name: value for name, value in options.items() if value is not None}
    described = [{**shared, **job} for job in jobs]
    for job in described:
        job.setdefault("key", str(uuid.uuid4()))
    headers = {"Content-Type": _types.JSON}
    return Call("POST", "/v1/jobs", headers, to_json(described))


def status(job: str, wait_s: float) -> Call:
    """Asks where a job is."""
    return Call("GET", f"/v1/jobs/{quote(job, safe='')}{_wait(wait_s)}", wait_s=wait_s)


def result(job: str, wait_s: float) -> Call:
    """Asks for the result of a job."""
    return Call("GET", f"/v1/jobs/{quote(job, safe='')}/result{_wait(wait_s)}", wait_s=wait_s)


def cancel(job: str) -> Call:
    """Cancels a job."""
    return Call("DELETE", f"/v1/jobs/{quote(job, safe='')}", may_be_repeated=False)


def publish(topic: str, data: Any, type: Optional[str], retain: bool) -> Call:
    """Sends a message to all who subscribed to a topic."""
    body = body_of(data, type)
    query = "?retain=true" if retain else ""
    headers = {"Content-Type": body.type or _types.OCTETS}
    path = f"/v1/topics/{quote(topic, safe='')}{query}"
    return Call("POST", path, headers, body.body, may_be_repeated=False)


def _wait(wait_s: float) -> str:
    return f"?wait={max(1, round(wait_s))}" if wait_s else ""


def reply_of(answer: Answer) -> Reply:
    """The body of an answer and its type."""
    return Reply(answer.body, answer.headers.get("content-type", _types.OCTETS))


def value_of(reply: Reply) -> Any:
    """What a result is as a value: of JSON and MessagePack that, of text a string, else bytes."""
    type = reply.type or _types.OCTETS
    if type == _types.JSON:
        return from_json(reply.body)
    if type == _types.MSGPACK:
        return from_msgpack(reply.body)
    return reply.body.decode("utf-8", "replace") if _types.is_text(type) else reply.body


def problem_of(answer: Answer, kind: Type[Problem] = Problem) -> Problem:
    """What was refused, also by what stands between us and the server."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        text = answer.body[:200].decode("utf-8", "replace")
        said = {"code": "http", "detail": f"status {answer.status}: {text}"}
    problem = kind.of({"status": answer.status, **said})
    after = answer.headers.get("retry-after", "")
    if problem.retry_after_ms is None and after.isdigit():
        problem.retry_after_ms = int(after) * 1000
    return problem
