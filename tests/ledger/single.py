"""One server, whose journal is a file on a disk that can be full, and whose clock can be set."""

import contextlib

from harness import Server
from harness.process import eventually

from disk import Disk
from fleet import HEALED_S, SERVER_FLAGS, Fleet
from ways import Site
from wall import Wall

IDLE_S = 5  # until a server has nothing to do that is asked for nothing
READY_S = 60


class Single(Fleet):
    """The server and its peers."""

    def __init__(self, folder, seed, retention_s, without_journal=False):
        self._disk, self.wall, self._retention_s = Disk(folder), Wall(folder / "wall"), retention_s
        self._config = folder / "acequia.toml"
        self._write_config()
        server = Server.on_quiet_ports(
            *SERVER_FLAGS, "--config", self._config, cwd=folder,
            journal="none" if without_journal else self._disk.folder / "ledger.redb",
            env=self.wall.env,
            restore_signals=False,  # what is written over a limit fails, and does not kill
        )
        self._site = Site(server)
        super().__init__(folder, seed, [self._site])

    def _write_config(self):
        self._config.write_text(f"[serve]\nretention_s = {self._retention_s}\n")

    @property
    def server(self):
        return self._site.server

    def begin(self, nth_round, plan):
        if plan.retention_s != self._retention_s:
            self._retention_s = plan.retention_s
            self._write_config()
            self.stop_server()
            self.launch_server()
            self.server.wait_ready()
        super().begin(nth_round, plan)

    def come_up(self):
        self.server.wait_ready()
        eventually(lambda: self.server.get("/readyz")[0] == 200, "a server that takes jobs", READY_S)

    def come_to_rest(self):
        """What is left is in a file that is the server's."""

    def kill_server(self):
        self.server.kill()

    def launch_server(self):
        self._site.launch()

    def stop_server(self):
        self._site.stop()

    def pause_server(self):
        self._site.pause()

    def resume_server(self):
        self._site.resume()

    def step_clock(self, offset_s):
        self.wall.step(offset_s)

    def fill_disk(self, way):
        self._disk.fill(self.server.process, way)

    def free_disk(self):
        self._disk.free(self.server.process)

    def be_idle(self):
        """Waits, not for ever, until there is nothing to do and nothing to write."""
        def is_quiet():
            return self.is_idle() and self.server.metric("acequia_journal_waiting_bytes") == 0

        # If something hangs, others tell.
        with contextlib.suppress(OSError, AssertionError):
            eventually(is_quiet, patience_s=IDLE_S)

    def be_written(self):
        """Waits until the server has noticed that it can write again, and has written all.

        Only then it may be killed: what was told while nothing could be written may come again.
        """
        writes = "acequia_journal_writable", "acequia_journal_waiting_bytes"
        try:
            self.server.wait_ready()
            eventually(lambda: [self.server.metric(name) for name in writes] == [1, 0],
                       "a server that writes again", HEALED_S)
        except (OSError, AssertionError) as error:
            self.wrong.append(f"healed: the disk has room, but: {error}")

    def close(self, keep=False):
        super().close(keep)
        self._disk.close(self.folder if keep else None)
