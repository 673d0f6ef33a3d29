"""ZMTP by hand, for what no library would send."""

import socket
import struct

MORE, LONG, COMMAND = 1, 2, 4


def greeting(*, version=(3, 0), mechanism=b"NULL", as_server=0, signature=b"\xff" + bytes(8) + b"\x7f"):
    return signature + bytes(version) + mechanism.ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def frame(body, flags=0):
    if len(body) < 256:
        return struct.pack("BB", flags, len(body)) + body
    return announced(len(body), flags) + body


def announced(size, flags=0):
    """The header of a long frame of any size."""
    return struct.pack(">BQ", flags | LONG, size)


def command(name, data=b""):
    return frame(bytes([len(name)]) + name + data, COMMAND)


def ready(socket_type):
    properties = b"".join(
        bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
        for key, value in ((b"Socket-Type", socket_type), (b"Identity", b""))
    )
    return command(b"READY", properties)


def message(*frames):
    return b"".join(frame(body, MORE) for body in frames[:-1]) + frame(frames[-1])


class Peer:
    """A plain socket to a worker port."""

    def __init__(self, server, port, *, hands=True):
        self.socket = socket.create_connection(server.address(port), timeout=30)
        if hands:
            self.shake_hands({"jobs": b"PULL", "results": b"PUSH"}[port])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def shake_hands(self, socket_type):
        """Up to the server's READY."""
        self.send(greeting() + ready(socket_type))
        self.exactly(64)
        kind, _ = self.frame()
        assert kind == COMMAND

    def send(self, octets):
        """Returns whether the server still took them."""
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def exactly(self, count):
        octets = b""
        while len(octets) < count:
            some = self.socket.recv(count - len(octets))
            if not some:
                raise EOFError(f"closed after {octets!r}")
            octets += some
        return octets

    def frame(self):
        """Flags, without LONG, and the body of the next frame."""
        flags = self.exactly(1)[0]
        size = struct.unpack(">Q", self.exactly(8))[0] if flags & LONG else self.exactly(1)[0]
        return flags & ~LONG, self.exactly(size)

    def message(self):
        """The frames of the next message."""
        frames = []
        while True:
            flags, body = self.frame()
            if flags & COMMAND:
                continue
            frames.append(body)
            if not flags & MORE:
                return frames

    def wait_closed(self, patience_s=30):
        """Waits until the server has closed the connection."""
        self.socket.settimeout(patience_s)
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
