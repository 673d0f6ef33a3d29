"""What a handler answers, and the bytes that it becomes."""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from . import _types
from ._failure import Failure
from ._limits import CONTENT_TYPE_BYTES_MAX
from ._values import to_json, to_msgpack

Buffer = Union[bytes, bytearray, memoryview]


class Reply:
    """Bytes and their media type: a result, a chunk of one, or what is published.

    A handler need not make one: what else it returns becomes bytes by itself, see `Worker`.

    Args:
        body: The bytes.
        type: Their media type, at most 128 bytes, such as `image/png`. `None`: the job's own.
    """

    __slots__ = ("body", "type")

    def __init__(self, body: Buffer, type: Optional[str] = _types.OCTETS):
        self.body = body if isinstance(body, bytes) else bytes(body)
        self.type = type

    def __repr__(self) -> str:
        return f"Reply({len(self.body)} bytes, {self.type!r})"

    @classmethod
    def same(cls, body: Buffer) -> Reply:
        """Bytes of the type that the job's payload has."""
        return cls(body, None)

    @classmethod
    def text(cls, text: str, type: str = _types.TEXT) -> Reply:
        """Text, which a client gets as a string. Raises `Failure` if it is not valid Unicode."""
        return cls(_written(lambda: text.encode()), type)

    @classmethod
    def json(cls, value: Any) -> Reply:
        """A value as JSON. Raises `Failure` if JSON cannot say it."""
        return cls(_written(lambda: to_json(value)), _types.JSON)

    @classmethod
    def msgpack(cls, value: Any) -> Reply:
        """A value as MessagePack. Raises `Failure` if MessagePack cannot say it."""
        return cls(_written(lambda: to_msgpack(value)), _types.MSGPACK)

    @classmethod
    def of(cls, value: Any, job_type: str) -> Reply:
        """What a value becomes that the handler of a job of type `job_type` returned."""
        if isinstance(value, Reply):
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return cls(value)
        if job_type == _types.MSGPACK:
            return cls.msgpack(value)
        if isinstance(value, str) and _types.is_text(job_type):
            return cls.text(value, job_type)
        return cls.json(value)

    def checked(self, what: str, max_body: int) -> Reply:
        """Itself, if the server would take it. Raises `Failure` otherwise; `what` names it then."""
        if len(self.body) > max_body:
            raise _bad_result(
                f"the {what} has {len(self.body)} bytes, and the server takes at most {max_body}; "
                "send a smaller one, or raise the server's limit (--result-bytes)"
            )
        if self.type is not None and len(self.type.encode(errors="replace")) > CONTENT_TYPE_BYTES_MAX:
            raise _bad_result(
                f"the {what}'s media type has more than {CONTENT_TYPE_BYTES_MAX} bytes; shorten it"
            )
        return self


def _written(write: Callable[[], bytes]) -> bytes:
    try:
        return write()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _bad_result(f"the result cannot be written: {error}") from error


def _bad_result(message: str) -> Failure:
    return Failure(message, code="bad_result", retry=False)
