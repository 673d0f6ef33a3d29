"""A PostgreSQL server over a folder that is there: its processes, its settings, and statements for it."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
from pathlib import Path

from .postgres_client import PostgresClient
from .process import Process, eventually, state
from .server import quiet_port
from .unprivileged import Folder, as_whom

STOPPING = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# Whoever comes has to know a password, also a standby.
WHO_GETS_IN = """
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""

# In the file, before it is read by all. Those that take effect only after a restart are not wrong.
WRONG_SETTINGS = """
SELECT name, f.setting, error FROM pg_file_settings f LEFT JOIN pg_settings USING (name)
WHERE error IS NOT NULL AND context IS DISTINCT FROM 'postmaster'
"""


@functools.cache
def _programs():
    """Where they are: Debian has one folder for each version, which are not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda initdb: float(initdb.parts[-3]))
    if found:
        return found[-1].parent
    assert shutil.which("pg_config"), "PostgreSQL is not there: tests/run e2e installs it"
    asked = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


def run(name, *args):
    """Runs one of its programs to its end, which has to be a good one."""
    done = subprocess.run([_programs() / name, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env={**os.environ, "LC_ALL": "C"}, cwd="/", check=False, **as_whom())
    assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout}{done.stderr}"


class PostgresServer(PostgresClient):
    """Listens on 127.0.0.1 alone, on a port that it keeps over restarts. `fsync` is on.

    How its files are made is for a subclass to say. Who starts one ends it: by `with`, or `close`.
    """

    def __init__(self, **settings):
        self._folder = Folder("acequia-postgres-")
        self.data = self._folder.path / "data"
        self.process = None
        self._paused = []
        try:
            self._make()
            self.port = quiet_port()
            self._settings = {
                "listen_addresses": self.host, "port": self.port, "unix_socket_directories": "",
                # Nothing is left in the system's shared memory by one that is killed.
                "dynamic_shared_memory_type": "mmap", "lc_messages": "C", **settings,
            }
            self._folder.write("data/pg_hba.conf", WHO_GETS_IN)
            self._write_settings()
            self.start()
        except BaseException:
            self.close()
            raise

    def _make(self):
        """Makes the files in `data`."""
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def alive(self):
        return self.process is not None and self.process.alive

    def start(self):
        assert not self.alive
        self.process = Process([_programs() / "postgres", "-D", self.data], name="postgres", env={"LC_ALL": "C"},
                               cwd="/", **as_whom())
        self.process.line(lambda line: "database system is ready to accept" in line, of="stderr")

    def stop(self, mode="fast"):
        """`smart` waits until all have gone, `fast` sends them away, `immediate` leaves the rest to recovery."""
        self.process.signal(STOPPING[mode])
        self.process.wait()

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def _freeze(self):
        """Stops the process that starts all others; returns those, which are all then."""
        self.process.signal(signal.SIGSTOP)
        eventually(lambda: state(self.process.pid) in "TZ", "PostgreSQL to be stopped")
        return self.process.children()

    def kill(self):
        """Ends all of its processes with -9, as a host does that dies; waits until they are gone."""
        children = self._freeze()
        self._paused = []
        send(signal.SIGKILL, children)
        self.process.kill()
        eventually(lambda: all(state(pid) in "XZ" for pid in children), "the processes of PostgreSQL to be gone")

    def pause(self):
        """From now on none of its processes does anything; connections to it stay open, and come in."""
        self._paused = self._freeze()
        send(signal.SIGSTOP, self._paused)
        eventually(lambda: all(state(pid) in "TXZ" for pid in self._paused), "all of PostgreSQL to be stopped")

    def resume(self):
        send(signal.SIGCONT, self._paused)
        self._paused = []
        self.process.signal(signal.SIGCONT)

    def configure(self, **settings):
        """Changes settings, to what is the default with `None`; restarts it if one takes effect only then."""
        self._settings |= settings
        self._write_settings()
        if not self.alive:
            return
        wrong = self.psql(WRONG_SETTINGS)
        assert not wrong, wrong
        (before,), = self.psql("SELECT pg_conf_load_time()")
        self.process.signal(signal.SIGHUP)
        eventually(lambda: self.psql("SELECT pg_conf_load_time() > %s", before) == [(True,)], "settings to be read")
        if self.psql("SELECT name FROM pg_settings WHERE pending_restart"):
            self.restart()

    def _write_settings(self):
        lines = [f"{name} = {quoted(value)}\n" for name, value in self._settings.items() if value is not None]
        self._folder.write("data/postgresql.conf", "".join(lines))

    def close(self):
        """Ends it, and everything of it is gone."""
        if self.alive:
            self.resume()
            self.stop("immediate")
        self._remove_shared_memory()
        self._folder.close()

    def _remove_shared_memory(self):
        """The one piece of the system's that one leaves which was killed: its pid file says which."""
        with contextlib.suppress(FileNotFoundError):
            for line in (self.data / "postmaster.pid").read_text().splitlines()[6:7]:
                subprocess.run(["ipcrm", "--shmem-id", line.split()[1]], check=True)


def send(number, pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def quoted(value):
    """A value of a setting."""
    if isinstance(value, bool):
        value = "on" if value else "off"
    return "'" + str(value).replace("'", "''") + "'"
