"""A WebSocket by hand, for what no library would send."""

import base64
import json
import os
import socket
import struct

import msgpack

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class RawWebSocket:
    """A connection that is upgraded, or tries to be; one that is `dialled` may lead through a proxy that has
    the server on a `host` of its own and below a path."""

    def __init__(self, server, encoding="json", *, dialled=None, host=None, path=""):
        self.encoding, self._path = encoding, path
        self.socket = dialled or socket.create_connection(server.address("http"), timeout=30)
        # Small frames that somebody waits for.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        status, _ = self.request({
            "Host": host or server.http,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": f"acequia.v1.{encoding}",
        })
        assert status == 101, status

    def close(self):
        self.socket.close()

    def request(self, headers):
        lines = [f"GET {self._path}/v1/ws HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self._unread:
            self._unread += self._some()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode()

    def _some(self):
        some = self.socket.recv(1 << 16)
        if not some:
            raise EOFError("the server has closed the connection")
        return some

    def send_raw(self, octets):
        """Returns whether the server still took them."""
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def send_frame(self, body, opcode=TEXT, *, fin=True, reserved=0, masked=True, size=None):
        """A frame; `size` is the length that it announces instead of its own."""
        size = len(body) if size is None else size
        first, mask_bit = (fin << 7) | (reserved << 4) | opcode, masked << 7
        if size < 126:
            header = struct.pack(">BB", first, mask_bit | size)
        elif size < 1 << 16:
            header = struct.pack(">BBH", first, mask_bit | 126, size)
        else:
            header = struct.pack(">BBQ", first, mask_bit | 127, size)
        # A mask of zeros leaves the body as it is.
        return self.send_raw(header + (bytes(4) if masked else b"") + body)

    def send(self, op):
        """An op, well made."""
        if self.encoding == "json":
            return self.send_frame(json.dumps(op).encode(), TEXT)
        return self.send_frame(msgpack.packb(op), BINARY)

    def _exactly(self, count):
        while len(self._unread) < count:
            self._unread += self._some()
        octets, self._unread = self._unread[:count], self._unread[count:]
        return octets

    def frame(self):
        """Opcode and body of the next frame."""
        first, second = self._exactly(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._exactly(8))[0]
        return first & 15, self._exactly(size)

    def event(self):
        """The next event."""
        opcode, body = self.frame()
        assert opcode in (TEXT, BINARY), (opcode, body)
        return json.loads(body) if self.encoding == "json" else msgpack.unpackb(body)

    def close_code(self):
        """The code with which the server closes; events before it are passed over."""
        try:
            while True:
                opcode, body = self.frame()
                if opcode == CLOSE:
                    return struct.unpack(">H", body[:2])[0] if body else None
        except (EOFError, ConnectionResetError):
            return "no close frame"

    def lives(self):
        """Whether the session still answers; what it said before is passed over."""
        self.send({"op": "cancel", "id": "do you live?"})
        while True:
            event = self.event()
            if event.get("id") == "do you live?":
                return event["ev"] == "error"
