"""A way to a server that can be cut, held and closed: TCP connections, and what becomes of them."""

import asyncio
import contextlib
import random
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time

TO_SERVER, TO_CLIENT = WAYS = ("to the server", "to the client")


def reset(writer):
    """Ends a connection with RST: what was under way is lost, in both directions."""
    # One end of a pair may have gone already.
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def finish(writer):
    """Ends a connection with FIN, as a program does that ends in peace."""
    writer.close()


class Gate:
    """Lets through what is on its way, in both ways, until it is told otherwise."""

    def __init__(self):
        self.free = {way: asyncio.Event() for way in WAYS}
        self.open()

    def close(self, *ways):
        for way in ways or WAYS:
            self.free[way].clear()

    def open(self):
        for free in self.free.values():
            free.set()


class Link:
    """One connection: its end at the client, and that at the server as soon as there is one."""

    def __init__(self, client):
        self.client, self.ends = client, [client]

    def cut(self, how=reset):
        for end in self.ends:
            how(end)


class Proxy:
    """Listens on a port of its own and passes on what comes, until it is told otherwise.

    A port of the system's choice may be another's after `refuse`: for that, `port` is a quiet one.
    """

    new_link = Link

    def __init__(self, target, port=0):
        self._target = target
        self._open = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._begin(port))

    def _do(self, act):
        """Calls this where all that is here lives."""
        async def do():
            act()

        self._call(do())

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _begin(self, port):
        # Here, since in an old Python an event belongs to the loop in which it is made.
        self._gates = self._new_gates()
        await self._listen(port)

    def _new_gates(self):
        """All that there are."""
        return [Gate()]

    def _gate(self, link):
        """That through which a connection goes."""
        return self._gates[0]

    async def _listen(self, port):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        link = self.new_link(writer)
        self._open.add(link)
        try:
            await self._serve_link(link, reader)
        finally:
            self._open.discard(link)
            for end in link.ends:
                end.close()

    async def _serve_link(self, link, reader):
        await self._gate(link).free[TO_SERVER].wait()
        try:
            there = await asyncio.open_connection(*self._target)
        except OSError:
            link.cut()
            return
        link.ends.append(there[1])
        if link.client.transport.is_closing():  # cut meanwhile
            return
        ways = [
            asyncio.ensure_future(self._pass_on(link, reader, there[1], TO_SERVER)),
            asyncio.ensure_future(self._pass_on(link, there[0], link.client, TO_CLIENT)),
        ]
        await asyncio.gather(*ways)

    async def _pass_on(self, link, reader, writer, way):
        """Everything that comes, up to the end; the end too."""
        free = self._gate(link).free[way]
        try:
            async for piece in self._pieces(link, reader, way):
                await free.wait()
                if some := await self._become(link, piece, way):
                    writer.write(some)
                    await writer.drain()
            await free.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except (OSError, RuntimeError):
            # Cut, at one end or the other: then so is the other way.
            await free.wait()
            writer.transport.abort()

    async def _pieces(self, link, reader, way):
        """What comes, in such pieces as are looked at."""
        while some := await reader.read(1 << 16):
            yield some

    async def _become(self, link, piece, way):
        """The bytes that are passed on for a piece."""
        return piece

    def cut(self, share=1, rng=random, how=reset):
        """Ends this share of the connections; returns how many that were."""
        return self._cut(lambda link: rng.random() < share, how)

    def _cut(self, is_meant, how=reset):
        async def do():
            cut = [link for link in self._open if is_meant(link)]
            for link in cut:
                link.cut(how)
            return len(cut)

        return self._call(do())

    def hold(self, *ways):
        """From now on nothing is passed on in these ways, or in both; connections stay open, and come in."""
        self._do(lambda: [gate.close(*ways) for gate in self._gates])

    def refuse(self):
        """From now on nobody else gets in; who is in stays."""
        self._do(lambda: self._server.close())

    def resume(self):
        """All is as at the beginning; what was held is passed on."""
        async def do():
            for gate in self._gates:
                gate.open()
            if not self._server.is_serving():
                await self._listen(self.port)

        self._call(do())

    def close(self):
        async def do():
            self._server.close()
            for link in list(self._open):
                link.cut()
            for gate in self._gates:
                gate.open()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)
            await self._loop.shutdown_asyncgens()

        self._call(do())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
