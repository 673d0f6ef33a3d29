"""A WebSocket session by TLS."""

import asyncio
import json

from websockets.asyncio.client import connect

from harness.process import PATIENCE_S


class TlsSession:
    """Of one thread: the blocking client of `websockets` reads in another than it writes in, and
    two threads in one connection of OpenSSL now and then lose an answer, whoever the server is."""

    def __init__(self, url, context):
        self._runner = asyncio.Runner()
        try:
            self._session = self._runner.run(self._connect(url, context))
        except BaseException:
            self._runner.close()
            raise

    @staticmethod
    async def _connect(url, context):
        return await connect(url, ssl=context, proxy=None, open_timeout=PATIENCE_S)

    def send(self, op):
        self._runner.run(self._session.send(json.dumps(op)))

    def recv(self):
        """The next event."""
        return json.loads(self._runner.run(asyncio.wait_for(self._session.recv(), PATIENCE_S)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._runner as runner:
            runner.run(self._session.close())
