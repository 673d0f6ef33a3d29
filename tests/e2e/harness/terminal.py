"""A program in a terminal of its own: a pseudo-terminal, and an emulator that shows what is on it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import pyte

from .process import PATIENCE_S, eventually
from .server import acequia, clean_env


class Terminal:
    """An `acequia` command in a terminal."""

    def __init__(self, *args, width=80, height=24, env=None):
        self._main, self._end = pty.openpty()
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self._set_size(width, height)
        self.before = termios.tcgetattr(self._end)
        self.process = subprocess.Popen(
            [str(acequia()), *map(str, args)],
            stdin=self._end,
            stdout=self._end,
            stderr=self._end,
            env={**os.environ, "TERM": "xterm-256color", **clean_env(env)},
            # The terminal is to be its own, so that the system tells it of another size.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def _set_size(self, width, height):
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def resize(self, width, height):
        self._screen.resize(height, width)
        self._set_size(width, height)

    def _read(self):
        """Takes what has been written until now."""
        while select.select([self._main], [], [], 0)[0]:
            octets = os.read(self._main, 1 << 16)
            self.written += octets
            self._stream.feed(octets)

    def lines(self):
        self._read()
        return [line.rstrip() for line in self._screen.display]

    def line(self, *words):
        """Waits for a line with all these words, and returns it."""
        def look():
            return next((line for line in self.lines() if all(word in line for word in words)), None)

        try:
            return eventually(look, f"a line with {words}")
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.lines()])) from None

    def press(self, keys):
        os.write(self._main, keys.encode())

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self):
        """Its exit code, once it has ended."""
        # Its last words have to be taken, or it would wait for that.
        eventually(lambda: (self._read(), self.process.poll() is not None)[1], "its end", PATIENCE_S)
        self._read()
        return self.process.returncode

    def is_sane(self):
        """Whether the terminal is as it was: its modes, the main screen, a cursor."""
        modes = termios.tcgetattr(self._end)
        left = self.written.rfind(b"\x1b[?1049l") > self.written.rfind(b"\x1b[?1049h")
        shown = self.written.rfind(b"\x1b[?25h") > self.written.rfind(b"\x1b[?25l")
        return modes == self.before and left and shown

    def colours(self):
        """Of whatever stands on the screen."""
        self._read()
        cells = [cell for line in self._screen.buffer.values() for cell in line.values()]
        return {colour for cell in cells for colour in (cell.fg, cell.bg)} - {"default"}

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._main)
        os.close(self._end)
