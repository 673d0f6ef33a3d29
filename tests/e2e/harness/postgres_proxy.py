"""A way to PostgreSQL on which exactly the nth write of a group from now on goes wrong.

What is in doubt for a client, and what comes late, is made here and does not depend on when.
"""

from .postgres_mishaps import LateRequest, LostAnswer, LostRequest
from .postgres_wire import Talk, answers, requests
from .server import quiet_port
from .tcp_proxy import TO_CLIENT, TO_SERVER, Link, Proxy, reset


class PostgresLink(Link):
    """A connection, and which of the answers on it is withheld."""

    def __init__(self, client):
        super().__init__(client)
        self.talk = Talk()
        # Of messages ReadyForQuery: how many are to come for what was asked, and how many have. The first
        # is for the login.
        self.asked, self.ready = 1, 0
        self.mishap, self._withheld = None, 0
        self._is_over = False  # the server says nothing any more

    def withhold(self, mishap):
        """The answer to what was asked last is for this alone."""
        self.mishap, self._withheld = mishap, self.asked
        self._look_over()

    def over(self):
        """The server's end has ended."""
        self._is_over = True
        self._look_over()

    def _look_over(self):
        if self._is_over and self.mishap:
            self.mishap.fail("the server's end of the connection has ended without an answer")

    def is_withheld(self):
        """Whether what the server says now is."""
        return self.mishap is not None and self.ready == self._withheld - 1

    def leave(self, how):
        """Ends it at the client's end alone."""
        self.ends.remove(self.client)
        how(self.client)

    @property
    def has_client(self):
        return self.client in self.ends


class PostgresProxy(Proxy):
    """In front of a `Postgres` or a `PgBouncer`; `groups` is how many group writes have come.

    Each of those that `lose…` and `delay…` give has a `wait`, until it has happened.
    """

    new_link = PostgresLink

    def __init__(self, server):
        self.groups, self._armed, self._wrong = 0, [], []
        super().__init__((server.host, server.port), quiet_port())

    def lose_answer(self, nth=1, how=reset):
        """The nth group from now on is written, and its client does not hear of it."""
        return self._arm(LostAnswer(nth, how))

    def lose_request(self, nth=1, how=reset):
        """The nth group from now on is not written, and its client does not hear of it."""
        return self._arm(LostRequest(nth, how))

    def delay_request(self, nth=1, how=reset):
        """The nth group from now on is written when it is released; its client is cut off at once."""
        return self._arm(LateRequest(nth, how))

    def disarm(self):
        """What has not happened to a group so far does not happen any more."""
        async def do():
            self._armed.clear()

        self._call(do())

    def _arm(self, mishap):
        async def do():
            self._armed.append(mishap)

        self._call(do())
        return mishap

    def _due(self, group_writes):
        """What happens to a request that has so many."""
        self.groups += group_writes
        for mishap in self._armed:
            mishap.left -= group_writes
        due = next((mishap for mishap in self._armed if mishap.left <= 0), None) if group_writes else None
        if due:
            self._armed.remove(due)
        return due

    def _pieces(self, link, reader, way):
        return self._requests(link, reader) if way == TO_SERVER else answers(reader, link.talk)

    async def _requests(self, link, reader):
        async for request in requests(reader, link.talk):
            yield request
        if link.mishap:
            await link.mishap.rest()

    async def _become(self, link, piece, way):
        return await self._asked(link, piece) if way == TO_SERVER else self._said(link, *piece)

    async def _asked(self, link, request):
        link.asked += request.answered
        mishap = self._due(request.group_writes)
        return await mishap.befall(link, request) if mishap else request.data

    def _said(self, link, kind, data):
        is_withheld = link.is_withheld()
        link.ready += kind == b"Z"
        if is_withheld:
            if link.mishap.answer.hear(kind, data):
                link.mishap.answered(link)
            return b""
        return data if link.has_client else b""

    async def _pass_on(self, link, reader, writer, way):
        try:
            await super()._pass_on(link, reader, writer, way)
        except AssertionError as error:
            self._wrong.append(error)
            link.cut()
        finally:
            if way == TO_CLIENT:
                link.over()

    def close(self):
        super().close()
        assert not self._wrong, self._wrong
