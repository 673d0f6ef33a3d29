"""A proxy that keeps what passes through it, in both directions."""

from .tcp_proxy import Proxy


class RecordingProxy(Proxy):
    def __init__(self, target, port=0):
        self._passed = bytearray()
        super().__init__(target, port)

    async def _become(self, link, piece, way):
        self._passed += piece
        return piece

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def passed(self):
        """All bytes that did, so far."""
        return bytes(self._passed)
