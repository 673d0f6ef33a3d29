"""A job as its handler sees it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any, Callable, Mapping, Optional, Union

from .. import _types
from .._failure import Failure
from .._limits import TOPIC_BYTES_MAX
from .._reply import Reply
from .._values import from_json, from_msgpack
from . import wire
from .link import Link


class Job:
    """A job to run.

    Its methods may be called from any thread. Those whose names begin with an `a` are for
    coroutines: they do the same and leave the event loop to others meanwhile.
    """

    __slots__ = ("_cancelled", "_event", "_head", "_link", "_on_cancel", "payload", "raw_id")

    payload: bytes
    """The payload, byte for byte."""

    raw_id: bytes
    """The sixteen bytes of `id`."""

    def __init__(self, link: Link, raw_id: bytes, head: wire.JobHead, payload: bytes):
        self._link = link
        self.raw_id = raw_id
        self._head = head
        self.payload = payload
        self._cancelled = False
        self._event: Optional[threading.Event] = None
        self._on_cancel: Optional[Callable[[], object]] = None

    def __repr__(self) -> str:
        return f"<Job {self.id} of {self.queue}, attempt {self.attempt}>"

    @property
    def id(self) -> str:
        """The job's id, a UUID in hex and dashes, the same in each attempt."""
        return str(uuid.UUID(bytes=self.raw_id))

    @property
    def queue(self) -> str:
        """The queue that it waited in."""
        return self._head.queue

    @property
    def attempt(self) -> int:
        """Which run of the job this is, from 1."""
        return self._head.attempt

    @property
    def type(self) -> str:
        """The media type of the payload."""
        return self._head.type

    @property
    def timeout_ms(self) -> Optional[int]:
        """How long this run may take, in milliseconds, if there is a limit.

        The server gives the run up then and cancels it here, so a handler need not watch the clock.
        """
        return self._head.timeout_ms

    @property
    def traceparent(self) -> Optional[str]:
        """The job's own span as W3C Trace Context writes it, if it is part of a trace.

        What the handler does for the job is to be traced below this.
        """
        return self._head.meta.get("traceparent")

    @property
    def meta(self) -> Mapping[str, str]:
        """What travels with the job, such as a `traceparent`."""
        return self._head.meta

    @property
    def max_body(self) -> int:
        """The largest result or chunk that the server takes, in bytes."""
        return self._link.max_body

    @property
    def data(self) -> Any:
        """The payload as the value that its type says: of JSON and MessagePack the value, of text a
        string, of anything else the bytes.

        Raises `Failure` with the code `bad_input`, not worth another attempt, if it is not that.
        """
        if self.type == _types.JSON:
            return self.json()
        if self.type == _types.MSGPACK:
            return self.msgpack()
        return self.text() if _types.is_text(self.type) else self.payload

    def json(self) -> Any:
        """The payload, read as JSON. Raises `Failure` as `data` does."""
        return self._read("JSON", from_json)

    def msgpack(self) -> Any:
        """The payload, read as MessagePack. Raises `Failure` as `data` does."""
        return self._read("MessagePack", from_msgpack)

    def text(self) -> str:
        """The payload, read as UTF-8. Raises `Failure` as `data` does."""
        text: str = self._read("text in UTF-8", bytes.decode)
        return text

    def _read(self, what: str, read: Callable[[bytes], Any]) -> Any:
        try:
            return read(self.payload)
        except (ValueError, RecursionError) as error:
            message = f"the payload ({self.type}) is not the {what} that is expected: {error}"
            raise Failure(message, code="bad_input", retry=False) from error

    def progress(
        self,
        done: Union[int, float, None] = None,
        total: Union[int, float, None] = None,
        note: Optional[str] = None,
    ) -> None:
        """Tells the client how far the job is, in any unit.

        It is for people, so it never waits: if more already waits to be sent than the connection
        takes, this one is left out. `note` is cut to 4,096 bytes; a number that is not finite is
        left out.
        """
        if not self._cancelled:
            head = wire.progress(done, total, note)
            self._link.post_if_few((wire.PROGRESS, self.raw_id, head, b""))

    def chunk(self, data: Any) -> None:
        """Sends a part of the result ahead: what a handler may return may be a chunk.

        Waits while the connection has more to send than it takes. In a coroutine call `achunk`.

        Raises `Failure`: with the code `bad_result` if the server would not take it, with
        `cancelled` if nobody waits for this job any more. Let them pass.
        """
        self._post(self._chunk(data))

    async def achunk(self, data: Any) -> None:
        """`chunk` for a coroutine."""
        await self._apost(self._chunk(data))

    def publish(self, topic: str, data: Any) -> None:
        """Tells all sessions that subscribed to `topic` (1 to 128 bytes).

        Waits while the connection has more to send than it takes. In a coroutine call `apublish`.
        A job that is cancelled may still publish, as long as its connection is there.

        Raises `Failure`: with the code `bad_topic` if there can be no such topic, and as `chunk`.
        """
        self._post(self._publish(topic, data))

    async def apublish(self, topic: str, data: Any) -> None:
        """`publish` for a coroutine."""
        await self._apost(self._publish(topic, data))

    def _chunk(self, data: Any) -> wire.Message:
        reply = Reply.of(data, self.type).checked("chunk", self.max_body)
        if self._cancelled:
            raise Failure.cancelled()
        head = wire.of_type(None if reply.type == self.type else reply.type)
        return wire.CHUNK, self.raw_id, head, reply.body

    def _publish(self, topic: str, data: Any) -> wire.Message:
        size = len(topic.encode(errors="replace"))
        if not 1 <= size <= TOPIC_BYTES_MAX:
            message = f"a topic has 1 to {TOPIC_BYTES_MAX} bytes, this one has {size}"
            raise Failure(message, code="bad_topic", retry=False)
        reply = Reply.of(data, self.type).checked("published message", self.max_body)
        media_type = reply.type or self.type
        head = wire.publish(topic, None if media_type == _types.JSON else media_type)
        return wire.PUBLISH, self._link.id, head, reply.body

    def _post(self, message: wire.Message) -> None:
        if not self._link.post_in_turn(message):
            raise Failure.cancelled()

    async def _apost(self, message: wire.Message) -> None:
        if not self._link.post_in_turn(message, wait=False):
            await asyncio.get_running_loop().run_in_executor(None, self._post, message)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this job any more.

        Its client cancelled it, its time is over, or the connection to the server is lost (another
        worker gets the job then). The handler should stop and return; what it returns is dropped.
        """
        return self._cancelled

    def wait_cancelled(self, seconds: Optional[float] = None) -> bool:
        """Waits until the job is cancelled, at most so many seconds; returns whether it is.

        A sleep that ends at once where nobody waits for the job any more. Not for coroutines: their
        task is cancelled.
        """
        if self._event is None:
            self._event = threading.Event()
        # It may have been cancelled before the event was there to be set.
        return self._cancelled or self._event.wait(seconds)

    def _give_up(self) -> None:
        """The worker says that nobody waits for the job any more."""
        if self._cancelled:
            return
        self._cancelled = True
        if self._event is not None:
            self._event.set()
        if self._on_cancel is not None:
            self._on_cancel()

    def _tell_of_cancel(self, call: Callable[[], object]) -> None:
        """The worker has something called when the job is cancelled, at once if it is."""
        self._on_cancel = call
        if self._cancelled:
            call()
