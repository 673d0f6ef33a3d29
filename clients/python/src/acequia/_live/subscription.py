"""Messages on a topic."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, Deque, Optional

_KEPT_MAX = 10_000
"""Messages that wait for whoever iterates, before the oldest are given up."""


class Subscription:
    """What is published on a topic, for `async for`. Use it by `async with`, or `close` it.

    Attributes:
        topic: The topic.
        missed: How many messages were given up, as nobody took them.
    """

    def __init__(self, topic: str, close: Callable[[Subscription], None]):
        self.topic = topic
        self.missed = 0
        self._close = close
        self._messages: Deque[Any] = deque()
        self._come = asyncio.Event()
        self._is_closed = False
        self._error: Optional[Exception] = None

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Any:
        while not self._messages:
            if self._error is not None:
                raise self._error
            if self._is_closed:
                raise StopAsyncIteration
            self._come.clear()
            await self._come.wait()
        return self._messages.popleft()

    def close(self) -> None:
        """No more of them."""
        if not self._is_closed:
            self._end(None)
            self._close(self)

    def _hear(self, data: Any) -> None:
        if len(self._messages) == _KEPT_MAX:
            self._messages.popleft()
            self.missed += 1
        self._messages.append(data)
        self._come.set()

    def _end(self, error: Optional[Exception]) -> None:
        self._is_closed = True
        self._error = error
        self._come.set()
