"""What is known of the session at the server: how to resume it, and what it may forget. No IO."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from .events import Event

ACK_EVENTS = 100
"""So many events are acknowledged at once; fewer after `ACK_S`."""

ACK_S = 1.0
"""The longest that an event waits for its acknowledgement, in seconds."""

_MESSAGE_BYTES = 4_194_304


class Session:
    """A session that can be resumed."""

    def __init__(self) -> None:
        self._secret: Optional[str] = None
        self._last = 0
        self._acked = 0
        self._limits: Mapping[str, int] = {}

    @property
    def message_bytes_max(self) -> int:
        """The largest message that the server takes, in bytes."""
        return self._limits.get("message_bytes", _MESSAGE_BYTES)

    def hello(self) -> Dict[str, Any]:
        """The first op on a connection."""
        if self._secret is None:
            return {"op": "hello", "resume": True}
        return {"op": "hello", "resume": self._secret, "last": self._last}

    def welcomed(self, welcome: Event) -> bool:
        """Hears the answer; returns whether the session goes on that there was."""
        goes_on = self._secret is not None and bool(welcome["resumed"])
        if not goes_on:
            self._last = 0
        self._acked = self._last
        self._secret = welcome.get("session")
        self._limits = welcome["limits"]
        return goes_on

    def is_new(self, event: Event) -> bool:
        """Whether an event was not heard before. Remembers it."""
        seq = event.get("seq")
        if seq is None:
            return True
        if seq <= self._last:
            return False
        self._last = seq
        return True

    @property
    def unacked(self) -> int:
        """About how many events the server keeps though they were heard."""
        return self._last - self._acked

    def ack(self) -> Dict[str, Any]:
        """The op that lets the server forget what was heard."""
        self._acked = self._last
        return {"op": "ack", "seq": self._last}
