"""The worker protocol: frames into values, and values into frames. No IO."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

import msgpack

from .._limits import (
    CONTENT_TYPE_BYTES_MAX,
    DURATION_MS_MAX,
    FAIL_CODE_BYTES_MAX,
    QUEUE_NAME_BYTES_MAX,
    TEXT_BYTES_MAX,
    WORKER_NAME_BYTES_MAX,
)
from .._text import cut
from .._types import OCTETS

VERSION = 1
ID_BYTES = 16
NONCE_BYTES = 32

# From the server.
HELLO = b"hello"
JOB = b"job"
CANCEL = b"cancel"
# From a worker.
READY = b"ready"
PROGRESS = b"progress"
CHUNK = b"chunk"
DONE = b"done"
FAIL = b"fail"
BEAT = b"beat"
PUBLISH = b"publish"
# From both.
BYE = b"bye"

Message = Tuple[bytes, bytes, bytes, bytes]
"""Kind, id, head and body."""

_QUEUE_NAME = re.compile(f"[A-Za-z0-9._-]{{1,{QUEUE_NAME_BYTES_MAX}}}")


class Malformed(Exception):
    """A message of the server that cannot be understood."""


class Hello(NamedTuple):
    """The head of `hello`."""

    nonce: bytes
    max_body: int
    server: str


class JobHead(NamedTuple):
    """The head of `job`."""

    queue: str
    attempt: int
    type: str
    timeout_ms: Optional[int]
    meta: Mapping[str, str]


def is_queue_name(name: str) -> bool:
    """Whether a queue can have this name."""
    return _QUEUE_NAME.fullmatch(name) is not None


def messages(frames: List[bytes]) -> Iterator[Message]:
    """The messages of one ZeroMQ message, of which a single one may lack its last frames."""
    if 0 < len(frames) < 4:
        frames = frames + [b""] * (4 - len(frames))
    if len(frames) % 4:
        raise Malformed(f"{len(frames)} frames")
    each = iter(frames)
    return zip(each, each, each, each)


def check_id(id: bytes) -> None:
    """That it can be the id of a lane or a job."""
    if len(id) != ID_BYTES:
        raise Malformed(f"an id of {len(id)} bytes, not {ID_BYTES}")


def unknown_kind(kind: bytes) -> Malformed:
    """For a message of another kind than those of the server."""
    return Malformed(f"unknown kind of {len(kind)} bytes")


def read_hello(head: bytes) -> Hello:
    """The head of `hello`. Of another version than ours it is malformed, as it has to be."""
    keys = _map(head)
    if keys.get("v") != VERSION:
        raise Malformed(f"`v` must be {VERSION}, and is {keys.get('v')!r}")
    nonce, max_body = keys.get("nonce"), keys.get("max_body")
    if nonce is None:
        raise Malformed("`nonce` is missing")
    if not isinstance(nonce, bytes) or len(nonce) != NONCE_BYTES:
        raise Malformed(f"`nonce` must be {NONCE_BYTES} bytes")
    if max_body is None:
        raise Malformed("`max_body` is missing")
    return Hello(nonce, _integer("max_body", max_body, 0, 2**64), _text("server", keys.get("server"), ""))


def is_other_version(head: bytes) -> bool:
    """Whether a `hello` is of a version that this worker does not speak."""
    version = _map(head).get("v")
    return isinstance(version, int) and version != VERSION


def read_job(head: bytes) -> JobHead:
    """The head of `job`."""
    keys = _map(head)
    queue = _text("queue", keys.get("queue"), "default")
    if not is_queue_name(queue):
        raise Malformed(f"`queue` is {queue!r}, which is no name of a queue")
    attempt = keys.get("attempt")
    timeout_ms = keys.get("timeout_ms")
    media_type = _text("type", keys.get("type"), OCTETS)
    if len(media_type.encode()) > CONTENT_TYPE_BYTES_MAX:
        raise Malformed(f"`type` is over {CONTENT_TYPE_BYTES_MAX} bytes")
    return JobHead(
        queue,
        1 if attempt is None else _attempt(attempt),
        media_type,
        None if timeout_ms is None else _integer("timeout_ms", timeout_ms, 0, DURATION_MS_MAX),
        _meta(keys),
    )


def read_reason(head: bytes) -> str:
    """Why the server says `bye`."""
    return _text("reason", _map(head).get("reason"), "")


def _map(head: bytes) -> Dict[str, Any]:
    if not head:
        return {}
    try:
        keys = msgpack.unpackb(head, raw=False, strict_map_key=True)
    # Those of the package are of several kinds, and none of them is ours.
    except Exception as error:
        raise Malformed(f"a head that is no MessagePack map: {error}") from error
    if not isinstance(keys, dict):
        raise Malformed(f"a head that is no MessagePack map, but {type(keys).__name__}")
    return keys


def _integer(key: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Malformed(f"`{key}` must be an integer from {least} to {most}")
    return value


def _attempt(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Malformed("`attempt` must be a positive integer")
    return value


def _text(key: str, value: object, default: str) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        raise Malformed(f"`{key}`: expected a string, not {type(value).__name__}")
    return value


def _meta(keys: Mapping[str, Any]) -> Mapping[str, str]:
    meta = keys.get("meta", {})
    if not isinstance(meta, dict):
        raise Malformed(f"`meta`: expected a map, not {type(meta).__name__}")
    for key, value in meta.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise Malformed("`meta`: expected a string")
    return meta


def ready(
    slots: int, pack: int, queues: Iterable[str], name: Optional[str], auth: Optional[bytes]
) -> bytes:
    """The head of `ready`."""
    head: Dict[str, Any] = {"slots": slots, "pack": pack, "queues": list(queues)}
    if name is not None:
        head["name"] = cut(name, WORKER_NAME_BYTES_MAX)
    if auth is not None:
        head["auth"] = auth
    return _packed(head)


def progress(
    done: Union[int, float, None], total: Union[int, float, None], note: Optional[str]
) -> bytes:
    """The head of `progress`. A number that is not finite is left out."""
    head: Dict[str, Any] = {}
    if done is not None and _is_finite(done):
        head["done"] = done
    if total is not None and _is_finite(total):
        head["total"] = total
    if note:
        head["note"] = cut(note, TEXT_BYTES_MAX)
    return _packed(head) if head else b""


def _is_finite(number: Union[int, float]) -> bool:
    # An integer beyond a double is finite, but nothing that the wire carries.
    return -1.8e308 < number < 1.8e308 and (isinstance(number, float) or -(2**63) <= number < 2**64)


def fail(code: Optional[str], message: str, retry: bool) -> bytes:
    """The head of `fail`."""
    head: Dict[str, Any] = {}
    if code is not None:
        head["code"] = cut(code, FAIL_CODE_BYTES_MAX)
    head["message"] = cut(message, TEXT_BYTES_MAX)
    head["retry"] = retry
    return _packed(head)


@lru_cache(maxsize=256)
def of_type(media_type: Optional[str]) -> bytes:
    """The head of a `done` or `chunk` of this type; `None` stands for the job's."""
    return b"" if media_type is None else _packed({"type": media_type})


def publish(topic: str, media_type: Optional[str]) -> bytes:
    """The head of `publish`; `None` stands for JSON."""
    return _packed({"topic": topic} if media_type is None else {"topic": topic, "type": media_type})


def _packed(head: Dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(head, use_bin_type=True)
    return packed
