"""What can go wrong with one write of a group, between a client and PostgreSQL."""

import asyncio
import concurrent.futures
import contextlib

from .postgres_wire import Answer
from .process import PATIENCE_S


def outcome(future, what, patience_s=PATIENCE_S):
    try:
        return future.result(patience_s)
    except concurrent.futures.TimeoutError:
        raise AssertionError(f"waited {patience_s} s in vain for {what}") from None


def settle(future, result=None):
    if not future.done():
        future.set_result(result)


class Mishap:
    """Happens to one group write, when so many more have come; the connection then ends in this way."""

    def __init__(self, left, how):
        self.left, self._how = left, how
        self._happened = concurrent.futures.Future()
        self.answer = Answer()

    def note(self, happened):
        """Calls this as soon as it has happened, or cannot happen any more."""
        self._happened.add_done_callback(lambda _: happened())

    def wait(self):
        """Waits until it has happened; returns the server's answer if it has come to that."""
        return outcome(self._happened, f"a group write; {self.left} more have to come")

    def has_happened(self):
        return self._happened.done()

    async def befall(self, link, request):
        """The bytes that are passed on for the request."""
        raise NotImplementedError

    def answered(self, link):
        """All of the answer has come, and is not passed on."""

    def fail(self, why):
        """It cannot happen any more, if it has not."""
        if not self._happened.done():
            self._happened.set_exception(AssertionError(why))

    async def rest(self):
        """Until the server's end of the connection is not needed any more."""


class LostAnswer(Mishap):
    """The server has done it, and the connection ends before its answer is passed on."""

    async def befall(self, link, request):
        link.withhold(self)
        return request.data

    def answered(self, link):
        link.cut(self._how)
        if self.answer.error or self.answer.status != "I":
            self.fail(f"the server has not committed it: {self.answer}")
        else:
            settle(self._happened, self.answer)


class LostRequest(Mishap):
    """The connection ends before the server gets any of it."""

    async def befall(self, link, request):
        link.cut(self._how)
        settle(self._happened)
        return b""


class LateRequest(Mishap):
    """The connection ends for the client alone; its request is under way, and arrives with `release`."""

    def __init__(self, left, how):
        super().__init__(left, how)
        self._released, self._arrived = concurrent.futures.Future(), concurrent.futures.Future()

    async def befall(self, link, request):
        link.withhold(self)
        link.leave(self._how)
        settle(self._happened)
        await asyncio.wrap_future(self._released)
        return request.data

    def let_go(self):
        """From now on nothing holds it up, whether it has come or not."""
        settle(self._released)

    def release(self):
        """Lets the server have it, which may refuse it by now; returns its answer."""
        self.wait()
        self.let_go()
        return outcome(self._arrived, "the server's answer")

    def answered(self, link):
        settle(self._arrived, self.answer)

    def fail(self, why):
        super().fail(why)
        if not self._arrived.done():
            self._arrived.set_exception(AssertionError(why))
        settle(self._released)

    async def rest(self):
        with contextlib.suppress(AssertionError):
            await asyncio.wrap_future(self._arrived)
