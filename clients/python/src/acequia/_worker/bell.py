"""What wakes a thread that waits."""

from __future__ import annotations

import socket


class Bell:
    """Wakes a thread that waits in `poll`. Ringing costs nothing while the thread is awake."""

    def __init__(self) -> None:
        self._ear, self._button = socket.socketpair()
        self._ear.setblocking(False)
        self._button.setblocking(False)
        self.is_asleep = False

    def fileno(self) -> int:
        """What becomes readable."""
        return self._ear.fileno()

    def ring(self) -> None:
        """Wakes the thread, if it sleeps. From any thread, or from a signal handler."""
        if self.is_asleep:
            self.is_asleep = False
            try:
                self._button.send(b"\0")
            except OSError:  # it has been rung, or is closed
                pass

    def clear(self) -> None:
        """Forgets that it was rung."""
        try:
            self._ear.recv(4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Ends it."""
        self._ear.close()
        self._button.close()
