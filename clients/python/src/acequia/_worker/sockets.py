"""The two ZeroMQ sockets of a lane, and what is heard of their connections."""

from __future__ import annotations

from typing import Any, Iterator, List

import zmq
from zmq.backend import Socket as _Plain
from zmq.utils.monitor import recv_monitor_message

from .wire import JOB, Malformed

# The methods below those of `zmq.Socket`: what that adds to each frame costs five times as much as
# the frame.
_recv: Any = _Plain.recv
_send: Any = _Plain.send
_get: Any = _Plain.get

_NOBLOCK = int(zmq.NOBLOCK)
_MORE = int(zmq.NOBLOCK) | int(zmq.SNDMORE)
_RCVMORE = int(zmq.RCVMORE)

_UNSENT_MAX = 16
"""ZeroMQ messages that may wait inside the results socket; the rest waits in the outbox, and leaves
packed."""

_LINGER_MS = 5_000
"""How long the last results may take to be written."""

_HEARTBEAT_MS = 10_000
_HEARTBEAT_TIMEOUT_MS = 30_000
_HANDSHAKE_MS = 5_000
_CONNECT_MS = 10_000
_RECONNECT_MS = 50
_RECONNECT_MS_MAX = 5_000

_EVENTS = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


class Sockets:
    """A pair of sockets that dial the server, and dial again for ever. For one thread."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], jobs: str, results: str):
        self.pull = context.socket(zmq.PULL)
        self.push = context.socket(zmq.PUSH)
        for socket in (self.pull, self.push):
            socket.linger = 0
            socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
            socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS)
            socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
            socket.setsockopt(zmq.CONNECT_TIMEOUT, _CONNECT_MS)
            socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, _RECONNECT_MS_MAX)
        # The server sends no more than there are slots, whatever they are.
        self.pull.setsockopt(zmq.RCVHWM, 0)
        self.push.setsockopt(zmq.SNDHWM, _UNSENT_MAX)
        # Nothing is kept for a server that is not there.
        self.push.setsockopt(zmq.IMMEDIATE, 1)
        # Of the jobs connection alone: when either ends, the server closes the other.
        self.monitor = self.pull.get_monitor_socket(_EVENTS)
        self.push.connect(results)
        self.pull.connect(jobs)

    def receive(self) -> Iterator[List[bytes]]:
        """The frames of each ZeroMQ message that is there. Raises `Malformed`."""
        while True:
            try:
                kind = _recv(self.pull, _NOBLOCK)
            except zmq.Again:
                return
            try:
                frames = self._message(kind)
            except zmq.Again:
                raise Malformed("a job of fewer than four frames") from None
            yield frames

    def _message(self, kind: bytes) -> List[bytes]:
        """The frames of the message that begins with this one."""
        pull = self.pull
        frames: List[bytes] = []
        while True:
            if kind == JOB:
                # The server sends all four frames, so it is not asked each time whether there are
                # more. If there are not, what follows is read with them, and is malformed.
                frames += (kind, _recv(pull, _NOBLOCK), _recv(pull, _NOBLOCK), _recv(pull, _NOBLOCK))
            else:
                frames.append(kind)
                while len(frames) % 4 and _get(pull, _RCVMORE):
                    frames.append(_recv(pull, _NOBLOCK))
            if not _get(pull, _RCVMORE):
                return frames
            kind = _recv(pull, _NOBLOCK)

    def send(self, frames: List[bytes]) -> bool:
        """Sends one ZeroMQ message; false if the connection does not take it now."""
        push = self.push
        last = frames.pop()
        try:
            for frame in frames:
                _send(push, frame, _MORE)
            _send(push, last, _NOBLOCK)
        except zmq.Again:
            # Only the first frame can be refused: the others follow it wherever it goes.
            frames.append(last)
            return False
        return True

    def heard(self) -> Iterator[int]:
        """What happened to the jobs connection, in order."""
        while _get(self.monitor, zmq.EVENTS) & zmq.POLLIN:
            yield recv_monitor_message(self.monitor, zmq.NOBLOCK)["event"]

    def close(self, *, flush: bool = False) -> None:
        """Hangs up; with `flush` what was sent is still written, behind the scenes."""
        self.pull.disable_monitor()
        self.monitor.close()
        self.pull.close()
        self.push.close(linger=_LINGER_MS if flush else 0)
