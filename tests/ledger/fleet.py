"""All processes of a run: one server, workers, clients; each can be ended and started again."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness import Process, Server, acequia
from harness.process import eventually, take_all
from harness.server import clean_env
from harness.tcp_proxy import Proxy

from disk import Disk
from wall import Wall

HERE = Path(__file__).parent
CLIENTS = 4
WORKERS = ("zmq", "zmq beats", "zmq beats many", "rust", "rust")
BEATING = {nth for nth, kind in enumerate(WORKERS) if kind != "zmq"}
LEASE_S = 2
IDLE_S = 5  # until a server has nothing to do that is asked for nothing
HEALED_S = 15  # until a server writes again whose disk has room again
PORTS = ("http", "jobs", "results")


def goes_by_proxy(nth):
    """Every other peer does."""
    return nth % 2 == 1


def name_of(nth):
    """What a worker is called."""
    return f"w{nth}"


def nth_of(name):
    return int(name.removeprefix("w"))


class Fleet:
    """What is started here is ended by `close`, and nothing else is."""

    def __init__(self, folder, seed, retention_s, without_journal=False):
        self.folder, self._seed, self._retention_s = folder, seed, retention_s
        self._disk, self.wall, self.wrong = Disk(folder), Wall(folder), []
        self._write_config()
        self.server = Server.on_quiet_ports(
            "--lease-s", LEASE_S, "--grace-s", 1, "--config", folder / "acequia.toml", cwd=folder,
            journal="none" if without_journal else self._disk.folder / "ledger.redb",
            env=self.wall.env,
            restore_signals=False,  # what is written over a limit fails, and does not kill
        )
        self.servers = [self.server.process]
        self.proxies = {port: Proxy(self.server.address(port)) for port in PORTS}
        self.workers = [None] * len(WORKERS)
        self.clients, self._incarnations, self._round = [None] * CLIENTS, [0] * CLIENTS, 0
        self._away = False
        for nth in range(len(WORKERS)):
            self.start_worker(nth)

    def _write_config(self):
        (self.folder / "acequia.toml").write_text(f"[serve]\nretention_s = {self._retention_s}\n")

    def begin(self, nth_round, retention_s, away):
        """New clients, for a new round."""
        if retention_s != self._retention_s:
            self._retention_s = retention_s
            self._write_config()
            self.server.stop()
            self.launch_server()
            self.server.wait_ready()
        self._round, self._away, self._incarnations = nth_round, away, [0] * CLIENTS
        self.wrong = []
        for nth in range(CLIENTS):
            self.start_client(nth)

    def url(self, port, nth):
        """Where the `nth` peer finds a port: directly, or by way of the proxy."""
        url = self.server.http if port == "http" else getattr(self.server, port)
        if goes_by_proxy(nth):
            url = f"{url.rpartition(':')[0]}:{self.proxies[port].port}"
        return url

    def kill_server(self):
        self.server.kill()

    def launch_server(self):
        """Does not wait until it is ready: it may be killed before."""
        self.server.process.wait()
        self.server.launch()
        self.servers.append(self.server.process)

    def stop_server(self):
        self.server.process.signal(signal.SIGTERM)

    def pause_server(self):
        self.server.process.signal(signal.SIGSTOP)

    def resume_server(self):
        self.server.process.signal(signal.SIGCONT)

    def step_clock(self, offset_s):
        self.wall.step(offset_s)

    def fill_disk(self, way):
        self._disk.fill(self.server.process, way)

    def free_disk(self):
        self._disk.free(self.server.process)

    def stay(self, seconds):
        """All stays as it is, however long the deed before has taken."""
        time.sleep(seconds)

    def is_idle(self):
        """Whether no job is live: waiting, delayed or running."""
        names = ("acequia_payload_bytes", "acequia_queue_depth", "acequia_jobs_running")
        return all(self.server.total(name) == 0 for name in names)

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

    def start_worker(self, nth):
        kind, name = WORKERS[nth], name_of(nth)
        book = self.folder / f"{name}.worker"
        urls = [self.url(port, nth) for port in ("jobs", "results")]
        if kind == "rust":
            queues = [part for queue in ("both", "rust") for part in ("--queue", queue)]
            command = [acequia(), "worker", "--jobs", urls[0], "--results", urls[1], *queues,
                       "--slots", 2, "--name", name, "--", "sh", HERE / "worker.sh", book, name]
        else:
            slots, beat_s = 4 if "many" in kind else 1, LEASE_S / 4 if "beats" in kind else 0
            command = [sys.executable, HERE / "worker.py", *urls, book, name, "both,zmq", slots, beat_s]
        self.workers[nth] = Process(command, name=name, env=clean_env())

    def kill_worker(self, nth):
        self.workers[nth].kill()

    def pause_worker(self, nth):
        self.workers[nth].signal(signal.SIGSTOP)

    def resume_worker(self, nth):
        self.workers[nth].signal(signal.SIGCONT)

    def start_client(self, nth):
        self._incarnations[nth] += 1
        name = f"r{self._round}.c{nth}.{self._incarnations[nth]}"
        command = [sys.executable, HERE / "client.py", f"ws://{self.url('http', nth)}/v1/ws",
                   self.folder / f"{name}.client", name, "msgpack" if nth % 4 > 1 else "json",
                   f"{self._seed} {name}", "away" if self._away else "here"]
        self.clients[nth] = Process(command, name=name, stdin=subprocess.PIPE)

    def kill_client(self, nth):
        self.clients[nth].kill()

    def pause_clients(self):
        for client in self.clients:
            client.signal(signal.SIGSTOP)

    def resume_clients(self):
        for client in self.clients:
            client.signal(signal.SIGCONT)

    def finish_clients(self):
        """Tells them to submit no more."""
        for client in self.clients:
            client.process.stdin.write(b"\n")
            client.process.stdin.close()

    def cut(self, port, share, rng):
        self.proxies[port].cut(share, rng)

    def close(self, keep=False):
        for process in take_all():
            process.clear_away()
        for proxy in self.proxies.values():
            proxy.close()
        self._disk.close(self.folder if keep else None)
