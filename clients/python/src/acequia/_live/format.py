"""The two encodings of the client protocol. No IO."""

from __future__ import annotations

import base64
import binascii
from typing import Any, List, Mapping, Protocol, Union

import msgpack

from .._values import from_json, to_json, to_msgpack
from .events import BadEvent, Event

Op = Mapping[str, Any]
"""A message of the client: `op` is its name."""

_PAYLOADS = ("result", "data")
"""The keys of events that hold what a worker sent."""


class Format(Protocol):
    """An encoding."""

    subprotocol: str

    def encode(self, op: Op) -> bytes:
        """Raises `TypeError` or `ValueError` for a payload that cannot be sent."""

    def joined(self, ops: List[bytes]) -> Union[str, bytes]:
        """One message of several ops."""

    def decode(self, message: Union[str, bytes]) -> Event:
        """Raises `BadEvent`."""


class Json:
    """JSON, in text frames."""

    subprotocol = "acequia.v1.json"

    def encode(self, op: Op) -> bytes:
        if isinstance(op.get("payload"), (bytes, bytearray, memoryview)):
            raise TypeError('JSON cannot say bytes; use Live(…, encoding="msgpack")')
        return to_json(op)

    def joined(self, ops: List[bytes]) -> str:
        return (ops[0] if len(ops) == 1 else b"[" + b",".join(ops) + b"]").decode()

    def decode(self, message: Union[str, bytes]) -> Event:
        try:
            event = from_json(message.encode() if isinstance(message, str) else message)
        except (ValueError, RecursionError) as error:
            raise BadEvent(f"not an event in JSON: {error}") from error
        if not isinstance(event, dict):
            raise BadEvent("not an event in JSON: no object")
        for key in _PAYLOADS:
            if key in event:
                event[key] = _unwrapped(event[key])
        return event


def _unwrapped(value: Any) -> Any:
    """The bytes that JSON says in base64."""
    if isinstance(value, dict) and len(value) == 1:
        encoded = value.get("$base64")
        if isinstance(encoded, str):
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):  # a worker's own
                pass
    return value


class Msgpack:
    """MessagePack, in binary frames."""

    subprotocol = "acequia.v1.msgpack"

    def encode(self, op: Op) -> bytes:
        return to_msgpack(op)

    def joined(self, ops: List[bytes]) -> bytes:
        if len(ops) == 1:
            return ops[0]
        head: bytes = msgpack.Packer().pack_array_header(len(ops))
        return head + b"".join(ops)

    def decode(self, message: Union[str, bytes]) -> Event:
        try:
            event = msgpack.unpackb(message, raw=False, strict_map_key=False)
        # Those of the package are of several kinds, and none of them is ours.
        except Exception as error:
            raise BadEvent(f"not an event in MessagePack: {error}") from error
        if not isinstance(event, dict) or not all(isinstance(key, str) for key in event):
            raise BadEvent("not an event in MessagePack: no map of strings")
        return event


FORMATS: Mapping[str, Format] = {"json": Json(), "msgpack": Msgpack()}
