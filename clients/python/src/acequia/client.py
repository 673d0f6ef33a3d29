"""A client over HTTP, for programs of threads."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Type, TypeVar, Union

from ._client import calls
from ._client.address import Token, address, authorization, tls
from ._client.flows import Flow, Patience, Pause
from ._client.options import Options
from ._client.pool import Pool
from ._client.status import Status
from ._errors import Problem
from ._reply import Reply

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class Client:
    """Submits jobs, waits for them, cancels them, and publishes. May be used by several threads.

    ```python
    with Client() as client:
        print(client.call("shout", "hello"))  # HELLO
        job = client.submit("shout", "hello", attempts=3)
        print(job.result())
    ```

    What fails for now is tried again where that is safe: what the server refused for now, as it has
    too much to do; a question whose answer was lost; and a submit, since each has a key, so that it
    runs once however often it is made.

    Every method raises `Problem` for what the server refuses, and `Unreachable` if it cannot be
    reached.

    Args:
        server: Its URL, `http://HOST:PORT` or `https://…`. `ACEQUIA_SERVER`, or
            `http://127.0.0.1:8080`.
        token: A JSON Web Token for a server that asks for one, or what returns one each time.
        timeout_s: How long an answer may take, in seconds; where a call waits for a job, beyond that.
        retry_s: For how long to try again what fails for now, in seconds; 0: not at all.
        ca_file: The authorities to trust for `https`, a file in PEM; those of the system.
    """

    def __init__(
        self,
        server: Optional[str] = None,
        token: Token = None,
        *,
        timeout_s: float = 30.0,
        retry_s: float = 30.0,
        ca_file: Union[str, "os.PathLike[str]", None] = None,
    ):
        where = address(server)
        self._token = token
        self._patience = Patience(retry_s)
        self._pool = Pool(where, tls(where.scheme, ca_file), timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept for later."""
        self._pool.close()

    def submit(
        self, queue: str, payload: Any, *, type: Optional[str] = None, **options: Unpack[Options]
    ) -> JobHandle:
        """Submits a job and does not wait for it.

        Bytes reach the worker as they are, as `application/octet-stream` or of the `type` that is
        given; text with a `type` as that; anything else as JSON.
        """
        call = calls.submit(queue, payload, type, 0, options)
        return JobHandle(self, self._run(self._patience.submit(call)))

    def call(
        self,
        queue: str,
        payload: Any,
        *,
        type: Optional[str] = None,
        wait_s: Optional[float] = None,
        **options: Unpack[Options],
    ) -> Any:
        """Submits a job, waits for its result at most `wait_s` seconds, and returns that as a value.

        Raises `JobFailed`, `JobCancelled`, or `StillRunning` when the time is over.
        """
        call = calls.submit(queue, payload, type, calls.step_of(wait_s), options)
        return calls.value_of(self._run(self._patience.call(call, wait_s)))

    def submit_many(
        self, jobs: Iterable[Mapping[str, Any]], **options: Unpack[Options]
    ) -> List[Union[JobHandle, Problem]]:
        """Submits up to 10,000 jobs in one call; returns for each its handle or why it was refused.

        Each is described as by `{"queue": "shout", "payload": "hello"}`, with the options of `submit`
        beside these, or in `options` for all. Payloads are JSON.
        """
        taken = self._run(self._patience.submit_many(calls.submit_many(jobs, options)))
        return [each if isinstance(each, Problem) else JobHandle(self, each) for each in taken]

    def job(self, id: str) -> JobHandle:
        """A handle to a job that was submitted elsewhere, or before. Asks nothing."""
        return JobHandle(self, Status(id, "unknown"))

    def publish(
        self, topic: str, data: Any, *, type: Optional[str] = None, retain: bool = False
    ) -> int:
        """Sends a message to all who subscribed to a topic; returns how many they are.

        `data` is sent as the payload of `submit` is. With `retain` the message is also kept for those
        who subscribe later.
        """
        return self._run(self._patience.publish(calls.publish(topic, data, type, retain)))

    def _run(self, flow: Flow[T]) -> T:
        got: Any = None
        while True:
            try:
                step = flow.send(got)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                got = None
            else:
                got = self._pool.make(step, authorization(self._token))


class JobHandle:
    """A job that a client submitted.

    Attributes:
        id: The server's name for it, a UUID. Where clients need no tokens, whoever knows it may see
            and cancel the job.
        state: What it was when it was submitted; `unknown` of one that was made by `Client.job`.
    """

    def __init__(self, client: Client, status: Status):
        self._client = client
        self.id = status.job
        self.state = status.state

    def __repr__(self) -> str:
        return f"<JobHandle {self.id}>"

    def status(self) -> Status:
        """Where it is now."""
        return self._client._run(self._client._patience.status(self.id))

    def wait(self, wait_s: Optional[float] = None) -> Status:
        """Waits until it has ended, at most `wait_s` seconds, and returns where it is then."""
        return self._client._run(self._client._patience.wait(self.id, wait_s))

    def result(self, wait_s: Optional[float] = None) -> Any:
        """Waits for the result, at most `wait_s` seconds, and returns it as a value: of JSON and
        MessagePack that, of text a string, of anything else the bytes.

        Raises `JobFailed`, `JobCancelled`, or `StillRunning` when the time is over.
        """
        return calls.value_of(self.reply(wait_s))

    def reply(self, wait_s: Optional[float] = None) -> Reply:
        """As `result`, but the bytes of the result and their type."""
        return self._client._run(self._client._patience.result(self.id, wait_s))

    def cancel(self) -> bool:
        """Cancels it, whatever its worker is doing; false if it had ended already."""
        return self._client._run(self._client._patience.cancel(self.id))
