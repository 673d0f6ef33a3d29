"""One server: the lane with it, from one `hello` to the next."""

from __future__ import annotations

import enum
import logging
import math
from typing import Callable, Dict, List, Mapping, Optional, Tuple

import zmq

from .._backoff import Backoff
from .._errors import WorkerError
from .._failure import Failure
from . import auth, wire
from .handler import Handler, Task
from .job import Job
from .lane import Lane, size_of
from .settings import Settings
from .sockets import Sockets

_log = logging.getLogger("acequia")

_PACK_MESSAGES_MAX = 256
"""Most messages in one ZeroMQ message."""

_PACK_BYTES_MAX = 256 << 10
"""Most bytes in one ZeroMQ message of several."""

_CROSSING_S = 0.25
"""How long jobs may still come that crossed our `bye` on the way; the server's own ends the wait."""

_IDLE_BEAT_S = 30.0
"""How often a lane that holds nothing says so."""

_HELLO_S = 10.0
"""How long a server may take to say `hello` before that is worth a line in the log."""

_HEADS_MAX = 1_024
"""Heads of jobs that are remembered: most jobs of a queue have the same, byte for byte."""

_IN_TURN = frozenset((wire.CHUNK, wire.PUBLISH))


class Phase(enum.Enum):
    """Where the conversation with the server is.

        GREETING ──hello──▶ SERVING ──bye of the server──▶ PARTING
           ▲                   │                              │
           └──connection lost──┴──────────────────────────────┤
                               │                              │
                               └──told to stop──▶ LEAVING ◀───┘

    From LEAVING it ends, once nothing is held or the grace time is over. A further `hello` leads to
    SERVING from everywhere else, on a fresh lane.
    """

    GREETING = enum.auto()
    SERVING = enum.auto()
    PARTING = enum.auto()
    LEAVING = enum.auto()


class Connection:
    """The conversation with one server. For the network thread.

    Args:
        context: Where its sockets come from.
        endpoints: Those of the server, for jobs and for results.
        settings: Of the worker.
        handlers: By the queues that they serve.
        wake: Wakes the network thread; handlers call it through their lane.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoints: Tuple[str, str],
        settings: Settings,
        handlers: Mapping[str, Handler],
        wake: Callable[[], None],
    ):
        self._context = context
        self._endpoints = endpoints
        self._settings = settings
        self._handlers = handlers
        self._wake = wake
        self._queues = sorted(handlers)
        self._heads: Dict[bytes, Tuple[wire.JobHead, Optional[Handler]]] = {}
        self._backoff = Backoff()

        self.sockets: Optional[Sockets] = None
        self._phase = Phase.GREETING
        self._lane: Optional[Lane] = None
        # Frames that the connection did not take when it was tried.
        self._refused: List[bytes] = []
        self._sent_at = 0.0
        # When the pause before the next dial is over; the next word in the log; the wait for jobs
        # that crossed our `bye`; the grace time.
        self._dial_at = 0.0
        self._warn_at = math.inf
        self._crossed_at = math.inf
        self._grace_at = math.inf
        # The server has said more than `hello`, so it took our `ready`.
        self._is_taken = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the worker has left the server."""
        return self._is_over

    @property
    def is_blocked(self) -> bool:
        """Whether something waits until the connection takes more."""
        return bool(self._refused)

    @property
    def has_to_send(self) -> bool:
        """Whether something waits that has not been tried yet."""
        return bool(self._lane and self._lane.outbox and not self._refused)

    def turn(self, now: float) -> None:
        """Does what there is to do. Waits for nothing."""
        if self._is_over:
            return
        if self.sockets is None:
            if now < self._dial_at:
                return
            self._dial(now)
        try:
            self._listen(now)
            self._receive(now)
        except wire.Malformed as error:
            self._hang_up(now, f"the server's message is malformed: {error}")
            return
        self._beat(now)
        self._send(now)
        if self._phase is Phase.LEAVING:
            self._leave_if_through(now)
        if now >= self._warn_at:
            self._warn_at = math.inf
            _log.warning("no `hello` from %s within %d s; is it the jobs endpoint of a server that is "
                         "up? dialling on", self._endpoints[0], _HELLO_S)

    def due_at(self) -> float:
        """When it is to have its next turn, if nothing happens before."""
        if self._is_over:
            return math.inf
        if self.sockets is None:
            return self._dial_at
        due = min(self._warn_at, self._grace_at)
        if self._lane is not None:
            due = min(due, self._beat_at())
            if self._phase is Phase.LEAVING and self._lane.is_idle:
                due = min(due, self._crossed_at)
        return due

    def stop(self, now: float) -> None:
        """Takes no more jobs, and leaves when those that are held have ended."""
        if self._is_over or self._phase is Phase.LEAVING:
            return
        parting, self._phase = self._phase is Phase.PARTING, Phase.LEAVING
        self._grace_at = now + self._settings.grace_s
        if self._lane is None:
            self._end()
            return
        # Who has said `bye` sends no more.
        self._crossed_at = now if parting else now + _CROSSING_S
        self._lane.outbox.append((wire.BYE, self._lane.id, b"", b""))

    def _dial(self, now: float) -> None:
        self.sockets = Sockets(self._context, *self._endpoints)
        self._warn_at = now + _HELLO_S

    def _listen(self, now: float) -> None:
        """Hears of the jobs connection itself."""
        assert self.sockets is not None
        for event in self.sockets.heard():
            if event == zmq.EVENT_DISCONNECTED:
                self._lose(now, "the server closed the jobs connection")
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                _log.warning("what answers at %s does not speak ZMTP 3", self._endpoints[0])

    def _receive(self, now: float) -> None:
        assert self.sockets is not None
        for frames in self.sockets.receive():
            for kind, id, head, body in wire.messages(frames):
                if kind == wire.JOB:
                    self._take(id, head, body)
                else:
                    self._hear(now, kind, id, head)

    def _take(self, id: bytes, head: bytes, body: bytes) -> None:
        lane = self._lane
        if lane is None:
            return
        known = self._heads.get(head)
        if known is None:
            known = self._read(head)
        wire.check_id(id)
        job_head, handler = known
        if id in lane.held:
            _log.warning("the server sent the job %s twice", id.hex())
            return
        job = lane.held[id] = Job(lane, id, job_head, body)
        self._is_taken = True
        if handler is None:
            message = f"this worker does not serve the queue `{job_head.queue}`"
            lane.outbox.append((wire.FAIL, id, wire.fail("unknown_queue", message, True), b""))
        else:
            handler.runner.waiting.append(Task(job, lane, handler.function))

    def _read(self, head: bytes) -> Tuple[wire.JobHead, Optional[Handler]]:
        job_head = wire.read_job(head)
        known = job_head, self._handlers.get(job_head.queue)
        # What travels with a job is another for each.
        if not job_head.meta and len(self._heads) < _HEADS_MAX:
            self._heads[head] = known
        return known

    def _hear(self, now: float, kind: bytes, id: bytes, head: bytes) -> None:
        wire.check_id(id)
        if kind == wire.CANCEL:
            job = self._lane.held.get(id) if self._lane is not None else None
            if job is not None:
                job._give_up()
        elif kind == wire.HELLO:
            # What is known of the connection is older than what it says.
            self._listen(now)
            self._greet(now, id, head)
        elif kind == wire.BYE:
            self._part(now, wire.read_reason(head))
        else:
            raise wire.unknown_kind(kind)

    def _greet(self, now: float, id: bytes, head: bytes) -> None:
        if wire.is_other_version(head):
            raise WorkerError(
                f"the server at {self._endpoints[0]} speaks another version of the worker protocol than "
                f"this worker, which speaks {wire.VERSION}; bring the older of the two up to date"
            )
        hello = wire.read_hello(head)
        if self._phase is Phase.LEAVING:
            self._end()
            return
        if self._lane is not None and self._lane.id != id:
            _log.warning("the server opened a fresh lane; what was held is void")
        self._void()
        self._lane = lane = Lane(id, hello.max_body, self._wake)
        self._phase = Phase.SERVING
        self._is_taken = False
        self._warn_at = math.inf
        self._backoff.reset()
        token = self._settings.token
        proof = None if token is None else auth.answer(token, hello.nonce, id)
        ready = wire.ready(
            self._settings.slots, self._settings.pack, self._queues, self._settings.name, proof
        )
        lane.outbox.append((wire.READY, id, ready, b""))
        # It puts the jobs of the lane on a lease, from the first of them.
        lane.outbox.append((wire.BEAT, id, b"", b""))
        _log.info("connected to %s (%s)", self._endpoints[0], hello.server)

    def _part(self, now: float, reason: str) -> None:
        if self._phase is Phase.LEAVING:
            self._crossed_at = now
        elif self._lane is not None:
            self._phase = Phase.PARTING
            self._is_taken = True
            _log.info("the server sends no more jobs: %s", reason)

    def _beat_at(self) -> float:
        assert self._lane is not None
        return self._sent_at + (self._settings.beat_s if self._lane.held else _IDLE_BEAT_S)

    def _beat(self, now: float) -> None:
        lane = self._lane
        if lane is not None and now >= self._beat_at() and not lane.outbox and not self._refused:
            lane.outbox.append((wire.BEAT, lane.id, b"", b""))

    def _send(self, now: float) -> None:
        """Sends what waits, packed."""
        lane, sockets = self._lane, self.sockets
        if lane is None or sockets is None:
            return
        while True:
            frames = self._refused or self._pack(lane)
            if not frames:
                return
            if not sockets.send(frames):
                self._refused = frames
                return
            self._refused = []
            self._sent_at = now

    def _pack(self, lane: Lane) -> List[bytes]:
        """The frames of what waits, as far as they fit into one ZeroMQ message."""
        outbox, held = lane.outbox, lane.held
        frames: List[bytes] = []
        room = min(_PACK_BYTES_MAX, lane.max_body)
        while outbox and len(frames) < 4 * _PACK_MESSAGES_MAX:
            message = outbox[0]
            size = size_of(message)
            room -= size
            if room < 0 and frames:
                break
            outbox.popleft()
            kind = message[0]
            if kind == wire.DONE or kind == wire.FAIL:
                held.pop(message[1], None)
            elif kind in _IN_TURN:
                lane.has_left(size)
            frames += message
        return frames

    def _leave_if_through(self, now: float) -> None:
        lane = self._lane
        through = lane is None or (lane.is_idle and not self._refused and now >= self._crossed_at)
        if not through and now >= self._grace_at:
            _log.warning("the grace time is over; the server gives what is held to others")
            through = True
        if through:
            self._end()

    def _lose(self, now: float, why: str) -> None:
        """The connection is gone, and is being dialled again."""
        if self._phase is Phase.LEAVING:
            self._end()
            return
        if self._phase is Phase.SERVING and not self._is_taken:
            # Most often a server that has stopped; but one that refuses us looks the same.
            why += (" before any job; if this goes on, see whether the server asks for another worker "
                    "token")
        _log.warning("%s; dialling %s again", why, self._endpoints[0])
        self._void()
        self._phase = Phase.GREETING
        self._warn_at = now + _HELLO_S

    def _hang_up(self, now: float, why: str) -> None:
        """Begins anew after a while."""
        self._lose(now, why)
        if self.sockets is not None:
            self.sockets.close()
            self.sockets = None
        self._dial_at = now + self._backoff.pause_s()

    def _void(self) -> None:
        """Forgets what is held. What its handlers still say is for nobody."""
        if self._lane is not None:
            self._lane.void()
            self._lane = None
        self._refused = []

    def _end(self) -> None:
        """Leaves. What is still held is void: the server gives it to others."""
        self._void()
        self._is_over = True
        if self.sockets is not None:
            self.sockets.close(flush=True)
            self.sockets = None
