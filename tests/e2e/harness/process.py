"""A child process: its output is read as it comes, and it is signalled by its own pid only."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

# Nothing here takes long; this is how long a loaded machine may take before a test gives up.
PATIENCE_S = 30

_live = []


def eventually(look, what="it", patience_s=PATIENCE_S, pause_s=0.01):
    """Calls `look` until it returns something true, and returns that."""
    deadline = time.monotonic() + patience_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s in vain for {what}")
        time.sleep(pause_s)


class Process:
    """A child process whose standard output and error are kept as lines."""

    def __init__(self, command, *, name, env=None, cwd=None, stdin=subprocess.DEVNULL, **popen):
        self.name = name
        self.command = [str(part) for part in command]
        self._changed = threading.Condition()
        self.stdout, self.stderr = [], []
        self.process = subprocess.Popen(
            self.command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            # A signal to the tests' own group is not meant for it.
            start_new_session=True,
            **popen,
        )
        pairs = [(self.process.stdout, self.stdout), (self.process.stderr, self.stderr)]
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True) for pair in pairs
        ]
        for reader in self._readers:
            reader.start()
        _live.append(self)

    def _read(self, pipe, lines):
        with pipe:
            for line in pipe:
                with self._changed:
                    lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def line(self, matches, *, of="stdout", nth=1, patience_s=PATIENCE_S):
        """Waits for the `nth` line of output that `matches`."""
        lines = getattr(self, of)
        deadline = time.monotonic() + patience_s
        with self._changed:
            while True:
                found = [line for line in lines if matches(line)]
                if len(found) >= nth:
                    return found[nth - 1]
                ended = not any(reader.is_alive() for reader in self._readers)
                if ended or not self._changed.wait(min(0.5, max(0, deadline - time.monotonic()))):
                    if ended or time.monotonic() >= deadline:
                        raise AssertionError(f"{self.name} did not say it:\n{self.log()}")

    def signal(self, number):
        if self.alive:
            os.kill(self.pid, number)

    def children(self):
        """The pids of its own child processes."""
        try:
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in text.split()]

    def kill(self):
        """Ends it with -9 and waits until it is gone."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def clear_away(self):
        """Ends it with -9, and those that it has started."""
        children = self.children()
        self.kill()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def wait(self, patience_s=PATIENCE_S):
        """Waits for its end and the end of its output; returns the exit code."""
        code = self.process.wait(patience_s)
        for reader in self._readers:
            # What it has started may live on and keep the pipe open.
            reader.join(2)
        return code

    def log(self):
        tail = [f"$ {' '.join(self.command)} (pid {self.pid}, exit {self.process.poll()})"]
        for label, lines in (("out", self.stdout), ("err", self.stderr)):
            tail += [f"{label}| {line[:1000]}" for line in lines[-60:]]
        return "\n".join(tail)

    def status(self, key):
        """A number from /proc/PID/status: of memory, in KiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
        raise KeyError(key)


def take_all():
    """All processes that were started since the last call."""
    taken, _live[:] = list(_live), []
    return taken


def state(pid):
    """What it does, as a letter: T is stopped, Z has ended; X if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
