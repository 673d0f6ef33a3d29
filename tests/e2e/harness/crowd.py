"""Thousands of sessions in one thread: a bare WebSocket on asyncio, for well-made ops and nothing else."""

import asyncio
import base64
import contextlib
import json
import os
import resource
import socket
import struct

from .raw_ws import CLOSE, TEXT

# Sessions from one loopback address; the system has some 28,000 ports for each.
PER_ADDRESS = 10_000

# Thousands that come at once have to wait for one another.
PATIENCE_S = 300


@contextlib.contextmanager
def files_for(sessions):
    """As many files as the system allows, for the other ends of so many sessions."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard > sessions + 1000, f"ulimit -Hn is {hard}: raise it"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def dial(server, nth):
    """The `nth` connection: reader and writer."""
    host, port = server.address("http")
    source = f"127.0.0.{1 + nth // PER_ADDRESS}"
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return reader, writer


class Guest:
    """One session of JSON."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    async def come(cls, server, nth):
        reader, writer = await dial(server, nth)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((
            f"GET /v1/ws HTTP/1.1\r\nHost: {server.http}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Protocol: acequia.v1.json\r\n\r\n"
        ).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return cls(reader, writer)

    def send(self, op):
        body = json.dumps(op).encode()
        size = struct.pack(">B", 128 | len(body)) if len(body) < 126 else struct.pack(">BH", 254, len(body))
        # A mask of zeros leaves the body as it is.
        self._writer.write(bytes([128 | TEXT]) + size + bytes(4) + body)

    async def event(self):
        """The next event; after the last one, the close code."""
        first, size = await self._reader.readexactly(2)
        if size == 126:
            size, = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            size, = struct.unpack(">Q", await self._reader.readexactly(8))
        body = await self._reader.readexactly(size)
        if first & 15 == CLOSE:
            return struct.unpack(">H", body[:2])[0]
        assert first & 15 == TEXT, (first, body)
        return json.loads(body)

    async def hear(self, *names):
        """Passes over events until one of these comes."""
        while True:
            event = await self.event()
            if event["ev"] in names:
                return event

    async def goodbye(self):
        """Hears out the server, which closes: all of its last events, and the close code."""
        events = []
        while not isinstance(event := await self.event(), int):
            events.append(event)
        self._writer.write(bytes([128 | CLOSE, 128]) + bytes(4))
        self._writer.close()
        return events, event

    def cut_off(self):
        """Is gone without a word: the server gets a reset at the most."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


def crowd(coroutine, patience_s=PATIENCE_S):
    """Runs what a crowd does, to its end."""
    async def within():
        return await asyncio.wait_for(coroutine, patience_s)

    return asyncio.run(within())
