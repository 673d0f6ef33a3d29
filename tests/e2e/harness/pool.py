"""`acequia pool`, and the processes that it has started."""

import signal
from pathlib import Path

from .process import Process, eventually
from .server import acequia, clean_env


class Pool:
    """A running `acequia pool` of a server, whose name is `pool` unless it is given another."""

    def __init__(self, server, admin, *args, name="pool", env=None, cwd=None):
        self.name, self._admin = name, admin
        command = [acequia(), "pool", "--server", f"http://{server.http}", "--name", name, *args]
        self.process = Process(command, name=name, env=clean_env({**server.env_of_commands(), **(env or {})}), cwd=cwd)

    def report(self):
        """What the server was last told; nothing if there is no such pool."""
        status, body = self._admin.call("GET", "pools")
        assert status == 200, body
        return next((pool for pool in body["pools"] if pool["pool"] == self.name), None)

    def pids(self):
        """Its worker processes, and not the one that guards them."""
        pids = []
        for pid in self.process.children():
            what = command(pid)
            # Either may be seen before it has become what it was started as.
            if b"pool-guard" not in what and what != command(self.process.pid):
                pids.append(pid)
        return pids

    def wait_processes(self, count, patience_s=30):
        def as_many():
            pids = self.pids()
            return len(pids) == count and (pids or True)

        return eventually(as_many, f"{count} processes of {self.name}", patience_s)

    def stop(self):
        self.process.signal(signal.SIGTERM)
        return self.process.wait()


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    # One that is just ending is there when the file is opened, and not when it is read.
    except (FileNotFoundError, ProcessLookupError):
        return b""


def runs(pid):
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
