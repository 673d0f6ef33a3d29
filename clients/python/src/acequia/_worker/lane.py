"""A lane as this side sees it: what the server gave it, and the jobs that it holds."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, Dict

from . import wire
from .job import Job

_WAITING_BYTES_MAX = 4 << 20
"""Bytes of chunks and published messages that may wait for the connection, before those that send
them wait."""

_WAITING_MAX = 1_024
"""Messages that may wait, before progress is left out."""

_MESSAGE_OVERHEAD = 96
"""What a message costs beside head and body, in bytes."""


def size_of(message: wire.Message) -> int:
    """About how many bytes a message has on the wire."""
    return _MESSAGE_OVERHEAD + len(message[2]) + len(message[3])


class Lane:
    """One lane, from its `hello` to its end.

    A job is held from the moment it is read until its last word is sent. `held` belongs to the
    network thread. Everybody may append to `outbox` and then call `wake`: what a handler says after
    the end of its lane stays in a box that nobody looks into any more.
    """

    def __init__(self, id: bytes, max_body: int, wake: Callable[[], None]):
        self.id = id
        self.max_body = max_body
        self.wake = wake
        self.held: Dict[bytes, Job] = {}
        self.outbox: Deque[wire.Message] = deque()
        self._room = threading.Condition()
        self._waiting_bytes = 0
        self._is_void = False

    @property
    def is_idle(self) -> bool:
        """Whether all jobs have ended and everything is said."""
        return not self.held and not self.outbox

    def post(self, message: wire.Message) -> None:
        """Sends a message soon."""
        self.outbox.append(message)
        self.wake()

    def post_if_few(self, message: wire.Message) -> None:
        """Sends a message unless so many wait already that nobody can have seen the last ones."""
        if len(self.outbox) < _WAITING_MAX:
            self.post(message)

    def post_in_turn(self, message: wire.Message, *, wait: bool = True) -> bool:
        """Sends a message once there is room for it, so that nobody runs ahead of a slow server.

        False if it was not sent: the lane is over, or there is no room and it was not to `wait`.
        """
        size = size_of(message)
        with self._room:
            # What is larger than all the room goes when it is alone.
            while self._waiting_bytes and self._waiting_bytes + size > _WAITING_BYTES_MAX:
                if self._is_void or not wait:
                    return False
                self._room.wait()
            if self._is_void:
                return False
            self._waiting_bytes += size
        self.post(message)
        return True

    def has_left(self, size: int) -> None:
        """So many bytes are no longer waiting that were sent `in_turn`."""
        with self._room:
            self._waiting_bytes -= size
            self._room.notify_all()

    def void(self) -> None:
        """Lets go of everything and tells the handlers."""
        with self._room:
            self._is_void = True
            self._room.notify_all()
        held, self.held = self.held, {}
        for job in held.values():
            job._give_up()
