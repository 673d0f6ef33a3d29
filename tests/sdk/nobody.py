"""Two ports behind which there is no server: whoever dials is counted, and hears nothing or is hung up on."""

import socket
import threading
import time

from harness.process import eventually


class Nobody:
    """Stands where a server would: `jobs` and `results` are its endpoints."""

    def __init__(self, hangs_up=True):
        self._hangs_up = hangs_up
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.jobs, self.results = (f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in self._listeners)
        self._dialled = [[], []]  # when, at each port
        self._open = []
        for each in zip(self._listeners, self._dialled, strict=True):
            threading.Thread(target=self._accept, args=each, daemon=True).start()

    def _accept(self, listener, dialled):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            dialled.append(time.monotonic())
            if self._hangs_up:
                connection.close()
            else:
                self._open.append(connection)

    @property
    def dials(self):
        """How often the port for jobs was dialled."""
        return len(self._dialled[0])

    def wait_dials(self, count, patience_s=60):
        eventually(lambda: self.dials >= count, f"{count} dials", patience_s)

    def close(self):
        """Nobody listens any more: whoever dials is refused."""
        for each in self._listeners:
            # Wakes the thread that waits for the next one.
            each.shutdown(socket.SHUT_RDWR)
            each.close()
        for each in self._open:
            each.close()
