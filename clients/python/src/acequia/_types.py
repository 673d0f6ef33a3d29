"""Media types that the server and this library know by name."""

from __future__ import annotations

JSON = "application/json"
MSGPACK = "application/msgpack"
OCTETS = "application/octet-stream"
TEXT = "text/plain"


def is_text(media_type: str) -> bool:
    """Whether a client gets bytes of this type as a string."""
    return media_type.startswith("text/")
