"""A live client: events of jobs as they happen, over one WebSocket.

It needs the extra `live`: `pip install 'acequia[live]'`.

```python
from acequia.live import Live

async with Live() as live:
    job = live.submit("thumbnail", {"url": "https://example.org/a.png"})
    async for event in job:
        print(event)
    print(await job.result)
```
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections import deque
from types import TracebackType
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Tuple, Type, Union

from ._backoff import Backoff
from ._client.address import Token, address, authorization, tls
from ._errors import AcequiaError, JobCancelled, Problem, Unreachable
from ._limits import TOPIC_BYTES_MAX, TOPICS_PER_SESSION_MAX
from ._live.events import BadEvent, Event, is_known
from ._live.format import FORMATS, Op
from ._live.job import LiveJob, ends
from ._live.session import ACK_EVENTS, ACK_S, Session
from ._live.subscription import Subscription

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
except ImportError as missing:
    raise ImportError("acequia.live needs websockets: pip install 'acequia[live]'") from missing

__all__ = ["Live", "LiveJob", "Subscription"]

_log = logging.getLogger("acequia")

_OPS_MAX = 10_000
"""Ops in one message."""

_AGAIN_S = 1.0
"""Until an op is said again that was refused for now, where the server names no time."""

_FINISHED = 4000
_TAKEN_OVER = 4001
_UNAUTHORIZED = 4401

_FOR_NOW = "rate_limited"


class _Over(Exception):
    """There will be no other connection."""

    def __init__(self, error: AcequiaError):
        super().__init__(str(error))
        self.error = error


class Live:
    """A session with a server that goes on over lost connections and restarts of the server.

    Use it by `async with`, in one event loop. Jobs and topics may be asked for at any time; while
    there is no connection they wait for the next.

    What was lost with a connection is told once it is back, without a hole and without a double. A
    job of which the server may not know is submitted again. If the server has forgotten the session,
    jobs with a `key` are submitted again, and others end with a `Problem`: `session_lost`, or
    `connection_lost` where it is not known whether they were taken.

    Args:
        server: Its URL, `http://HOST:PORT` or `https://…`. `ACEQUIA_SERVER`, or
            `http://127.0.0.1:8080`.
        token: A JSON Web Token for a server that asks for one, or what returns one for each
            connection.
        encoding: `json`, in which payloads reach workers as JSON; or `msgpack`, in which bytes reach
            them as they are and anything else as MessagePack.
        open_s: How long the first connection may take, in seconds.
        ca_file: The authorities to trust for `https`, a file in PEM; those of the system.

    Raises (of `async with`):
        Unreachable: There was no connection in time.
        Problem: The server asks for another token.
    """

    def __init__(
        self,
        server: Optional[str] = None,
        token: Token = None,
        *,
        encoding: str = "json",
        open_s: float = 10.0,
        ca_file: Union[str, "os.PathLike[str]", None] = None,
    ):
        where = address(server)
        if encoding not in FORMATS:
            raise ValueError(f"the encoding is `json` or `msgpack`, not `{encoding}`")
        host = f"[{where.host}]" if ":" in where.host else where.host
        self._url = f"{'wss' if where.scheme == 'https' else 'ws'}://{host}:{where.port}{where.path}/v1/ws"
        self._tls = tls(where.scheme, ca_file)
        self._token = token
        self._format = FORMATS[encoding]
        self._open_s = open_s
        self._session = Session()
        self._ids = itertools.count(1)
        self._jobs: Dict[Any, LiveJob] = {}
        self._topics: Dict[str, List[Subscription]] = {}
        # What waits for the connection, each with the job that it submits.
        self._outbox: Deque[Tuple[bytes, Optional[LiveJob]]] = deque()
        self._has_ops: asyncio.Event
        self._timers: List[asyncio.TimerHandle] = []
        self._ack_timer: Optional[asyncio.TimerHandle] = None
        self._barrier: Optional[int] = None
        self._connection: Optional[ClientConnection] = None
        self._staying: Optional[asyncio.Task[None]] = None
        self._opened: Optional[asyncio.Future[None]] = None
        self._error: Optional[AcequiaError] = None
        self._pause_s: Optional[float] = None

    async def __aenter__(self) -> Live:
        loop = asyncio.get_running_loop()
        self._has_ops = asyncio.Event()
        self._opened = loop.create_future()
        self._staying = loop.create_task(self._stay())
        try:
            await asyncio.wait_for(asyncio.shield(self._opened), self._open_s)
        except asyncio.TimeoutError:
            await self.close()
            raise Unreachable(f"no connection to {self._url} within {self._open_s} s") from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session. Jobs go on, and nothing of them is told here any more."""
        self._end(Problem("closed", "the client was closed"))
        if self._connection is not None:
            await self._connection.close(_FINISHED)
        if self._staying is not None:
            staying, self._staying = self._staying, None
            staying.cancel()
            await asyncio.wait([staying])

    def submit(self, queue: str, payload: Any, **options: Any) -> LiveJob:
        """Submits a job. Returns at once; all that are submitted in one turn of the loop leave in one
        message.

        The options are those of `submit` in the client protocol: `priority`, `delay_ms`,
        `timeout_ms`, `ttl_ms`, `attempts`, `key`, `on_disconnect`, `batch`, `traceparent`. What is
        wrong with them its `result` raises, as a `Problem`.

        Raises `TypeError` or `ValueError` for a payload that the encoding cannot say.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return self._begin({"op": "submit", "queue": queue, **given, "payload": payload})

    def watch(self, job: str) -> LiveJob:
        """Is told of a job that is there already, by the server's name for it: what is past of it,
        what comes, and its result. To cancel it cancels the job."""
        return self._begin({"op": "watch", "job": job})

    def subscribe(self, topic: str) -> Subscription:
        """The messages on a topic from now on, and the last one before if it was kept.

        If the token is not for it, to iterate raises a `Problem`, `forbidden`. Raises `ValueError` if
        there can be no such topic, or it is more than the 64 that a session may have.
        """
        self._check_open()
        size = len(topic.encode(errors="replace"))
        if not 1 <= size <= TOPIC_BYTES_MAX:
            raise ValueError(f"a topic has 1 to {TOPIC_BYTES_MAX} bytes, this one has {size}")
        if topic not in self._topics and len(self._topics) >= TOPICS_PER_SESSION_MAX:
            raise ValueError(f"a session has at most {TOPICS_PER_SESSION_MAX} topics; close one first")
        subscription = Subscription(topic, self._unsubscribe)
        self._topics.setdefault(topic, []).append(subscription)
        self._say({"op": "subscribe", "topic": topic})
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        known = self._topics.get(subscription.topic, [])
        if subscription in known:
            known.remove(subscription)
            if not known:
                del self._topics[subscription.topic]
                self._say({"op": "unsubscribe", "topic": subscription.topic})

    def _begin(self, op: Dict[str, Any]) -> LiveJob:
        self._check_open()
        id = next(self._ids)
        op = {"op": op["op"], "id": id, **op}
        encoded = self._format.encode(op)
        job = LiveJob(op, encoded, lambda: self._cancel(id))
        if len(encoded) > self._session.message_bytes_max:
            job._fail(Problem(
                "too_large",
                f"the job has {len(encoded)} bytes, and the server takes {self._session.message_bytes_max} in "
                "a message; send less",
            ))
            return job
        self._jobs[id] = job
        self._post(encoded, job)
        return job

    def _cancel(self, id: int) -> None:
        job = self._jobs.get(id)
        if job is None:
            return
        if not job._is_sent:
            del self._jobs[id]
            self._outbox = deque(item for item in self._outbox if item[1] is not job)
            job._fail(JobCancelled("cancelled", "the job was cancelled before it was sent"))
            return
        job._is_cancelling = True
        self._say({"op": "cancel", "id": id})

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._staying is None:
            raise RuntimeError("a Live is to be used by `async with`")

    # What is sent.

    def _say(self, op: Op) -> None:
        self._post(self._format.encode(op), None)

    def _post(self, encoded: bytes, job: Optional[LiveJob]) -> None:
        if self._connection is not None:
            self._outbox.append((encoded, job))
            self._has_ops.set()

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        """Does something on this connection, unless it ends before."""
        self._timers = [timer for timer in self._timers if not timer.cancelled()]
        self._timers.append(asyncio.get_running_loop().call_later(seconds, do))

    async def _write(self, connection: ClientConnection) -> None:
        while True:
            await self._has_ops.wait()
            self._has_ops.clear()
            while self._outbox:
                await connection.send(self._format.joined(self._taken()))

    def _taken(self) -> List[bytes]:
        """Ops for one message."""
        ops: List[bytes] = []
        # Brackets, commas, or the head of an array.
        room = self._session.message_bytes_max - 8
        while self._outbox and len(ops) < _OPS_MAX:
            encoded, job = self._outbox[0]
            room -= len(encoded) + 1
            if room < 0 and ops:
                break
            self._outbox.popleft()
            ops.append(encoded)
            if job is not None:
                job._is_sent = True
        return ops

    # The connection.

    async def _stay(self) -> None:
        """Keeps connected until nothing more can come of it."""
        backoff = Backoff(1.0, 30.0)
        try:
            while True:
                self._pause_s = None
                try:
                    await self._visit(backoff)
                except (OSError, WebSocketException, asyncio.TimeoutError, BadEvent) as error:
                    if self._error is not None:  # it was closed here
                        return
                    _log.warning("the connection to %s is lost: %s; dialling again", self._url, error)
                finally:
                    self._connection = None
                    self._forget_timers()
                    self._outbox.clear()
                pause_s = backoff.pause_s()
                await asyncio.sleep(pause_s if self._pause_s is None else self._pause_s)
        except _Over as over:
            self._end(over.error)
        except Exception as error:
            self._end(Problem("broken", f"the client has failed: {error!r}"))
            raise

    async def _visit(self, backoff: Backoff) -> None:
        """One connection, from its dialling to its end."""
        try:
            connection = await connect(
                self._url,
                subprotocols=[self._format.subprotocol],  # type: ignore[list-item]
                additional_headers=authorization(self._token),
                ssl=self._tls,
                open_timeout=self._open_s,
                compression=None,
                proxy=None,
                # What is large for a library is a result for us; the server has its own limit.
                max_size=None,
            )
        except InvalidStatus as error:
            if error.response.status_code == 401:
                self._refuse_token()
            raise
        async with connection:
            if connection.subprotocol != self._format.subprotocol:
                raise _Over(Problem("no_encoding", f"{self._url} does not speak {self._format.subprotocol}"))
            try:
                await self._converse(connection, backoff)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else None
                if code == _TAKEN_OVER:
                    raise _Over(Problem("taken_over", "another connection goes on with the session")) from None
                if code == _UNAUTHORIZED:
                    self._refuse_token()
                raise

    def _refuse_token(self) -> None:
        # What makes tokens may make a better one next time.
        if not callable(self._token):
            raise _Over(Problem("unauthorized", "the server asks for another token", status=401))

    async def _converse(self, connection: ClientConnection, backoff: Backoff) -> None:
        await connection.send(self._format.joined([self._format.encode(self._session.hello())]))
        welcome = await asyncio.wait_for(self._welcome(connection), self._open_s)
        if welcome is None:
            self._pause_s = _AGAIN_S
            return
        backoff.reset()
        self._connection = connection
        self._recover(self._session.welcomed(welcome))
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)
        writing = asyncio.get_running_loop().create_task(self._write(connection))
        try:
            async for message in connection:
                event = self._format.decode(message)
                if is_known(event) and self._session.is_new(event):
                    self._hear(event)
                    self._ack_soon(event)
            # Only a connection that was closed as it should be ends without an exception.
            await connection.recv()
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            if not writing.cancelled():
                # That the connection is over, which is heard here too.
                writing.exception()

    async def _welcome(self, connection: ClientConnection) -> Optional[Event]:
        """The answer to `hello`; `None` if the server has no time for it now."""
        while True:
            event = self._format.decode(await connection.recv())
            if not is_known(event):
                continue
            if event["ev"] == "welcome":
                return event
            if event["ev"] == "error":
                if event["code"] == _FOR_NOW:
                    return None
                raise _Over(Problem.of(event))

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None

    def _end(self, error: AcequiaError) -> None:
        """Nothing more comes."""
        if self._error is not None:
            return
        self._error = error
        for job in self._jobs.values():
            job._fail(error)
        self._jobs.clear()
        closed = isinstance(error, Problem) and error.code == "closed"
        for known in self._topics.values():
            for subscription in known:
                subscription._end(None if closed else error)
        self._topics.clear()
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(error)
            self._opened.exception()

    # What becomes of jobs on a new connection.

    def _recover(self, goes_on: bool) -> None:
        """Says again what the server may not know."""
        for topic in self._topics:
            self._say({"op": "subscribe", "topic": topic})
        unsure = False
        for id, job in list(self._jobs.items()):
            if not job._is_sent or job._op["op"] == "watch":
                self._send_job(job)
            elif not goes_on:
                self._send_or_lose(id, job)
            elif not job._is_accepted or "key" in job._op:
                unsure = True
            if job._is_cancelling and goes_on:
                self._say({"op": "cancel", "id": id})
        if unsure:
            # The answer comes after all that was missed.
            self._barrier = next(self._ids)
            self._say({"op": "cancel", "id": self._barrier})

    def _send_or_lose(self, id: int, job: LiveJob) -> None:
        """A job of a session that is no more."""
        if "key" in job._op and not job._is_cancelling:
            self._send_job(job)
            return
        del self._jobs[id]
        if job._is_accepted:
            job._fail(Problem(
                "session_lost", "the server does not know the session any more; how the job ended is unknown",
                job=job.id,
            ))
        else:
            job._fail(Problem(
                "connection_lost", "the connection was lost before the job was accepted; it may or may not run"
            ))

    def _after_replay(self) -> None:
        """All that was missed is heard; what has still no word of the server is submitted again."""
        self._barrier = None
        for job in self._jobs.values():
            if job._op["op"] == "submit" and job._is_sent and (not job._is_accepted or "key" in job._op):
                job._is_repeated = True
                self._send_job(job)

    def _send_job(self, job: LiveJob) -> None:
        self._post(job._encoded, job)

    # What is heard.

    def _hear(self, event: Event) -> None:
        name = event["ev"]
        if name == "message":
            for subscription in list(self._topics.get(event["topic"], [])):
                subscription._hear(event["data"])
        elif name == "bye":
            self._pause_s = event["reconnect_in_ms"] / 1000
        elif name == "error":
            self._hear_error(event)
        elif "id" in event:
            self._hear_of_job(event)

    def _hear_of_job(self, event: Event) -> None:
        job = self._jobs.get(event["id"])
        if job is None:
            return
        if event["ev"] == "rejected" and job._is_repeated:
            # The server knows the job; or it says nothing of that now.
            if event["code"] == "duplicate_id":
                return
            if event["code"] == _FOR_NOW:
                self._later(_after_s(event), lambda: self._send_again(job))
                return
        if ends(event):
            del self._jobs[event["id"]]
        job._hear(event)

    def _send_again(self, job: LiveJob) -> None:
        if not job.has_ended:
            self._send_job(job)

    def _hear_error(self, event: Event) -> None:
        id, code = event.get("id"), event["code"]
        if id is not None and id == self._barrier:
            if code == _FOR_NOW:
                self._later(_after_s(event), lambda: self._say({"op": "cancel", "id": id}))
            else:
                self._after_replay()
            return
        job = self._jobs.get(id)
        if job is None:
            self._hear_of_op(event)
        elif code == _FOR_NOW:
            watched = job._op["op"] == "watch" and not job._is_accepted
            again = (lambda: self._send_again(job)) if watched else (lambda: self._cancel(job._op["id"]))
            self._later(_after_s(event), again)
        elif job._op["op"] == "watch":
            del self._jobs[id]
            job._hear(event)
        # Else it has ended while the `cancel` was on its way, and that is told.

    def _hear_of_op(self, event: Event) -> None:
        """Of an op that has no `id`."""
        if event["code"] == _FOR_NOW:
            self._later(_after_s(event), self._subscribe_again)
            return
        if event["code"] != "forbidden":
            return
        # The message names the topic, and the longest that it names is that one.
        named = [topic for topic in self._topics if topic in event["message"]]
        if named:
            for subscription in self._topics.pop(max(named, key=len)):
                subscription._end(Problem.of(event))

    def _subscribe_again(self) -> None:
        for topic in self._topics:
            self._say({"op": "subscribe", "topic": topic})

    def _ack_soon(self, event: Event) -> None:
        if "seq" not in event:
            return
        if self._session.unacked >= ACK_EVENTS:
            self._ack()
        elif self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_S, self._ack)

    def _ack(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        if self._session.unacked:
            self._say(self._session.ack())


def _after_s(event: Mapping[str, Any]) -> float:
    """When to say it again, in seconds."""
    return max(_AGAIN_S, (event.get("retry_after_ms") or 0) / 1000)
