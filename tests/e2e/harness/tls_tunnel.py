"""A plain socket to a server that is spoken to by TLS."""

import asyncio
import contextlib
import socket
import threading


def tunnel(dialled, context, name):
    """The near end of a tunnel, of which one thread alone does the TLS on `dialled`.

    For clients that read in another thread than they write in: two threads in one connection of OpenSSL
    now and then lose an answer, whoever the server is.
    """
    near, far = socket.socketpair()
    threading.Thread(target=asyncio.run, args=(_relay(far, dialled, context, name),), daemon=True).start()
    return near


async def _relay(far, dialled, context, name):
    with far, dialled:
        far_reader, far_writer = await asyncio.open_connection(sock=far)
        reader, writer = await asyncio.open_connection(sock=dialled, ssl=context, server_hostname=name)
        ways = [asyncio.create_task(_pump(far_reader, writer)), asyncio.create_task(_pump(reader, far_writer))]
        # Whichever side ends, the other hears of it.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, far_writer):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()


async def _pump(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
