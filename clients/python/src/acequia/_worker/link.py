"""The way out for what is said of a job."""

from __future__ import annotations

from typing import Protocol

from . import wire


class Link(Protocol):
    """A lane, or in a process of a pool the way to it."""

    @property
    def id(self) -> bytes:
        """The id of the lane."""

    @property
    def max_body(self) -> int:
        """The largest body that the server takes, in bytes."""

    def post_if_few(self, message: wire.Message) -> None:
        """Sends a message that may be left out."""

    def post_in_turn(self, message: wire.Message, *, wait: bool = True) -> bool:
        """Sends a message once there is room; False if it was not sent."""
