"""Connections that talk a byte at a time, and never get to the point: others notice nothing.

Each has its place like any other: sessions are bounded in number, and their messages in size.
"""

import base64
import os
import socket
import struct

import pytest

from harness import Client, Steady
from harness.raw_ws import PING, PONG, TEXT, RawWebSocket
from harness.watch import Watch

CONNECTIONS = 200
PEAK_MIB_MAX = 200

# What half a frame says that it will have.
ANNOUNCED = 64 << 10

# How many bytes each says while it is watched.
WORDS = 30


@pytest.fixture
def steady(server):
    """Others at work, before, during and after what the test does."""
    with Steady(server) as steady:
        yield steady
        steady.go_on()
    assert server.peak_mib() < PEAK_MIB_MAX


def upgrade(server):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET /v1/ws HTTP/1.1\r\nHost: {server.http}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n").encode()


# What is said at once, and what follows byte by byte, without end.
BEGINNINGS = {
    "nothing": (lambda _: b"", b""),
    "half a request line": (lambda _: b"GET /", b"a"),
    "half an upgrade": (lambda server: upgrade(server) + b"X-Slow: ", b"a"),
    "half a head after a whole request": (lambda _: b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /", b"a"),
    "half a frame's header": (lambda server: upgrade(server) + b"\r\n\x81\xfe", b""),
    "half a frame": (lambda server: upgrade(server) + b"\r\n" + struct.pack(">BBQI", 0x81, 0xff, ANNOUNCED, 0), b"a"),
    "half a message": (lambda server: upgrade(server) + b"\r\n\x01\x81\0\0\0\0[", b"\x00\x81\0\0\0\0 "),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_byte_by_byte(server, steady, make, name):
    beginning, drip = BEGINNINGS[name]
    talkers = [socket.create_connection(server.address("http"), timeout=30) for _ in range(CONNECTIONS)]
    for talker in talkers:
        make(talker).sendall(beginning(server))
    with Watch(server) as watch:
        for at in range(WORDS):
            for talker in talkers:
                try:
                    talker.sendall(drip[at % len(drip):at % len(drip) + 1] if drip else b"")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it was cut off: as good
            # A byte each time that others got something done: no clock is needed for slowness.
            steady.go_on(20)
            answers = watch.answers
        # Whoever comes now is served as well.
        with Client(server) as late:
            assert late.result(late.submit("late", queue="steady")) == "LATE"
        assert watch.error is None and answers > 0


def test_a_frame_byte_by_byte_is_no_crime(server, steady, make):
    """Slow is not wrong: what comes to its end is answered."""
    raw = make(RawWebSocket(server))
    body = b'{"op":"submit","id":"slow","payload":"slow","queue":"steady"}'
    for octet in bytes([0x80 | TEXT, 0x80 | len(body)]) + bytes(4) + body:
        raw.send_raw(bytes([octet]))
        steady.go_on(4)
    event = raw.event()
    while event["ev"] != "done":
        event = raw.event()
    assert event["result"] == "SLOW"
    for octet in bytes([0x80 | PING, 0x80 | 2]) + bytes(4) + b"hi":
        raw.send_raw(bytes([octet]))
    assert raw.frame() == (PONG, b"hi")
