"""A network that breaks one connection of a worker at the worst instant."""

import socket
import struct
import sys
import threading
from pathlib import Path

import pytest

from harness import Client, Process

HERE = Path(__file__).parent
GREETING = 64


class LosesTheFirstWord:
    """A way to the results port on which the first connection is reset under the first message."""

    def __init__(self, target, loses=True):
        self._target, self._loses = target, loses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends, self._threads = [self._listener], []
        self._begin(self._serve)

    def _begin(self, what, *args):
        self._threads.append(threading.Thread(target=what, args=args, daemon=True))
        self._threads[-1].start()

    def close(self):
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
            end.close()
        for thread in self._threads:
            thread.join(30)

    def _serve(self):
        try:
            if self._loses:
                self._lose(*self._accept())
            while True:
                self._begin(pass_on, *self._accept())
        except OSError:
            pass  # closed at the end of the test

    def _lose(self, there, back):
        handshake = exactly(there, GREETING + 2)
        back.sendall(handshake + exactly(there, handshake[-1]))
        there.recv(1)  # the message begins, and no more of it arrives
        for end in (there, back):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # A close alone would wait for the thread that still reads.
            end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        there, _ = self._listener.accept()
        back = socket.create_connection(self._target)
        self._ends += [there, back]
        self._begin(pass_on, back, there)
        return there, back


def exactly(end, count):
    octets = b""
    while len(octets) < count:
        octets += end.recv(count - len(octets))
    return octets


def pass_on(source, target):
    try:
        while some := source.recv(1 << 16):
            target.sendall(some)
    except OSError:
        pass  # reset, or closed at the end of the test


@pytest.mark.parametrize("loses", [False, True])
def test_a_ready_that_is_lost_with_its_connection(server, make, loses):
    """The worker does not know, and says nothing more: the server has to ask again."""
    way = make(LosesTheFirstWord(server.address("results"), loses))
    Process([sys.executable, HERE / "ten_lines.py", server.jobs, way.url], name="worker")
    server.wait_workers(1)
    with Client(server) as client:
        assert client.result(client.submit("text")) == "TEXT"
