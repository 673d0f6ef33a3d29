"""A client over HTTP, for coroutines. It needs the extra `async`: `pip install 'acequia[async]'`."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Type, TypeVar, Union

from ._client import calls
from ._client.address import Token, address, authorization, tls
from ._client.flows import Flow, Patience, Pause
from ._client.options import Options
from ._client.status import Status
from ._errors import Problem
from ._reply import Reply

try:
    import httpx
except ImportError as missing:
    raise ImportError("acequia.AsyncClient needs httpx: pip install 'acequia[async]'") from missing

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class AsyncClient:
    """What `acequia.Client` is, for coroutines: its methods do the same, and are awaited.

    ```python
    async with AsyncClient() as client:
        print(await client.call("shout", "hello"))  # HELLO
        job = await client.submit("shout", "hello", attempts=3)
        print(await job.result())
    ```

    `token` may not block. The arguments are those of `acequia.Client`.
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
        self._timeout_s = timeout_s
        self._patience = Patience(retry_s)
        host = f"[{where.host}]" if ":" in where.host else where.host
        self._http = httpx.AsyncClient(
            base_url=f"{where.scheme}://{host}:{where.port}{where.path}",
            verify=tls(where.scheme, ca_file) or False,
            # A call that waits has a connection of its own meanwhile; the server bounds them.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            # As `Client`: the server that is named is the one that is asked.
            trust_env=False,
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def submit(
        self, queue: str, payload: Any, *, type: Optional[str] = None, **options: Unpack[Options]
    ) -> AsyncJobHandle:
        """`Client.submit`."""
        call = calls.submit(queue, payload, type, 0, options)
        return AsyncJobHandle(self, await self._run(self._patience.submit(call)))

    async def call(
        self,
        queue: str,
        payload: Any,
        *,
        type: Optional[str] = None,
        wait_s: Optional[float] = None,
        **options: Unpack[Options],
    ) -> Any:
        """`Client.call`."""
        call = calls.submit(queue, payload, type, calls.step_of(wait_s), options)
        return calls.value_of(await self._run(self._patience.call(call, wait_s)))

    async def submit_many(
        self, jobs: Iterable[Mapping[str, Any]], **options: Unpack[Options]
    ) -> List[Union[AsyncJobHandle, Problem]]:
        """`Client.submit_many`."""
        taken = await self._run(self._patience.submit_many(calls.submit_many(jobs, options)))
        return [each if isinstance(each, Problem) else AsyncJobHandle(self, each) for each in taken]

    def job(self, id: str) -> AsyncJobHandle:
        """`Client.job`."""
        return AsyncJobHandle(self, Status(id, "unknown"))

    async def publish(
        self, topic: str, data: Any, *, type: Optional[str] = None, retain: bool = False
    ) -> int:
        """`Client.publish`."""
        return await self._run(self._patience.publish(calls.publish(topic, data, type, retain)))

    async def _run(self, flow: Flow[T]) -> T:
        got: Any = None
        while True:
            try:
                step = flow.send(got)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                got = None
            else:
                got = await self._make(step)

    async def _make(self, call: calls.Call) -> Union[calls.Answer, calls.Lost]:
        try:
            response = await self._http.request(
                call.method,
                call.path,
                headers={**authorization(self._token), **call.headers},
                content=call.body,
                timeout=httpx.Timeout(self._timeout_s, read=self._timeout_s + call.wait_s),
            )
        except httpx.TransportError as error:
            was_sent = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            return calls.Lost(error, was_sent)
        return calls.Answer(response.status_code, response.headers, response.content)


class AsyncJobHandle:
    """What `acequia.client.JobHandle` is, for coroutines.

    Attributes:
        id: The server's name for it, a UUID.
        state: What it was when it was submitted; `unknown` of one that was made by `job`.
    """

    def __init__(self, client: AsyncClient, status: Status):
        self._client = client
        self.id = status.job
        self.state = status.state

    def __repr__(self) -> str:
        return f"<AsyncJobHandle {self.id}>"

    async def status(self) -> Status:
        """`JobHandle.status`."""
        return await self._client._run(self._client._patience.status(self.id))

    async def wait(self, wait_s: Optional[float] = None) -> Status:
        """`JobHandle.wait`."""
        return await self._client._run(self._client._patience.wait(self.id, wait_s))

    async def result(self, wait_s: Optional[float] = None) -> Any:
        """`JobHandle.result`."""
        return calls.value_of(await self.reply(wait_s))

    async def reply(self, wait_s: Optional[float] = None) -> Reply:
        """`JobHandle.reply`."""
        return await self._client._run(self._client._patience.result(self.id, wait_s))

    async def cancel(self) -> bool:
        """`JobHandle.cancel`."""
        return await self._client._run(self._client._patience.cancel(self.id))
