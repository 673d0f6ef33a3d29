"""SIGTERM and SIGINT, for a program that does nothing but run a worker."""

from __future__ import annotations

import os
import select
import signal
import socket
from types import FrameType
from typing import Any, Callable, Dict, Optional

NUMBERS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """The two signals, while it is entered. For the main thread.

    The first calls `stop`, the second ends the process at once.

    Python runs the handler of a signal on the main thread, when that runs. One that waits for a lock
    is not woken by a signal that another thread was given, so it waits for a socket instead, to which
    the interpreter writes on any signal.
    """

    def __init__(self, stop: Callable[[], None]):
        self._stop = stop
        self._count = 0
        self._ear, self._button = socket.socketpair()
        self._ear.setblocking(False)
        self._button.setblocking(False)
        self._before: Dict[signal.Signals, Any] = {}
        self._fd_before = -1

    def __enter__(self) -> Signals:
        for number in NUMBERS:
            self._before[number] = signal.signal(number, self._hear)
        self._fd_before = signal.set_wakeup_fd(self._button.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._ear.close()
        self._button.close()

    def wait(self, has_ended: Callable[[], bool]) -> None:
        """Waits until `has_ended`, which whoever makes it true says by `ring`."""
        while not has_ended():
            select.select([self._ear], [], [])
            try:
                self._ear.recv(4096)
            except BlockingIOError:
                pass

    def ring(self) -> None:
        """Has it looked whether all has ended. From any thread."""
        try:
            self._button.send(b"\0")
        except OSError:  # it looks already, or is over
            pass

    def _hear(self, number: int, frame: Optional[FrameType]) -> None:
        self._count += 1
        if self._count > 1:
            os._exit(128 + number)
        self._stop()
