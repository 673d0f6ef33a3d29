"""A way to the server that can be cut: TCP connections, reset at both ends at once."""

import asyncio
import contextlib
import random
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Proxy:
    """Listens on a port of its own and passes on what comes, until it is told to cut."""

    def __init__(self, target):
        self._target = target
        self._open = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _serve(self, reader, writer):
        try:
            there = await asyncio.open_connection(*self._target)
        except OSError:
            reset(writer)
            return
        pair = (writer, there[1])
        self._open.add(pair)
        ways = [
            asyncio.ensure_future(passed_on(reader, there[1])),
            asyncio.ensure_future(passed_on(there[0], writer)),
        ]
        await asyncio.wait(ways)
        self._open.discard(pair)
        for end in pair:
            end.close()

    def cut(self, share, rng=random):
        """Resets this share of the connections; returns how many that were."""
        async def do():
            cut = [pair for pair in self._open if rng.random() < share]
            for pair in cut:
                for end in pair:
                    reset(end)
            return len(cut)

        return self._call(do())

    def close(self):
        async def do():
            self._server.close()
            for pair in list(self._open):
                for end in pair:
                    reset(end)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)

        self._call(do())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


def reset(writer):
    """Ends a connection with RST: what was under way is lost, in both directions."""
    # One end of a pair may have gone already.
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def passed_on(reader, writer):
    """Everything that comes, up to the end; the end too."""
    try:
        while some := await reader.read(1 << 16):
            writer.write(some)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (OSError, RuntimeError):
        # Cut, at one end or the other: then so is the other way.
        writer.transport.abort()
