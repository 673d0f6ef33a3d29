"""Values as bytes of a media type, and back."""

from __future__ import annotations

import json
from typing import Any

import msgpack

_write_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_write_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def to_json(value: Any) -> bytes:
    """JSON in UTF-8.

    Raises `TypeError`, `ValueError` or `RecursionError` for what JSON cannot say: an object of
    another type, NaN, a list in itself.
    """
    try:
        return _write_json(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can say and UTF-8 cannot
        return _write_ascii(value).encode()


def from_json(data: bytes) -> Any:
    """The value. Raises `ValueError` or `RecursionError` if it is none."""
    return json.loads(data)


def to_msgpack(value: Any) -> bytes:
    """MessagePack. Raises `TypeError`, `ValueError` or `OverflowError` for what it cannot say."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def from_msgpack(data: bytes) -> Any:
    """The value. Raises `ValueError` if it is none."""
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False)
    except msgpack.exceptions.StackError as error:
        raise ValueError("it is nested too deep") from error
    except TypeError as error:  # a map whose key is a list or a map
        raise ValueError(str(error)) from error
