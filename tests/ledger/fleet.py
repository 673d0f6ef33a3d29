"""All processes of a run: one server, workers, clients; each can be ended and started again."""

import signal
import subprocess
import sys
from pathlib import Path

from harness import Process, Server, acequia
from harness.process import take_all
from harness.server import clean_env

from proxy import Proxy

HERE = Path(__file__).parent
CLIENTS = 4
WORKERS = ("zmq", "zmq", "zmq many", "rust", "rust")
LEASE_S = 2
PORTS = ("http", "jobs", "results")


class Fleet:
    """What is started here is ended by `close`, and nothing else is."""

    def __init__(self, folder, seed, without_journal=False):
        self.folder, self._seed = folder, seed
        self.server = Server.on_quiet_ports(
            "--lease-s", LEASE_S, "--grace-s", 1, cwd=folder,
            journal="none" if without_journal else folder / "ledger.redb",
        )
        self.servers = [self.server.process]
        self.proxies = {port: Proxy(self.server.address(port)) for port in PORTS}
        self.workers = [None] * len(WORKERS)
        self.clients, self._incarnations, self._round = [None] * CLIENTS, [0] * CLIENTS, 0
        for nth in range(len(WORKERS)):
            self.start_worker(nth)

    def begin(self, nth_round):
        """New clients, for a new round."""
        self._round, self._incarnations = nth_round, [0] * CLIENTS
        for nth in range(CLIENTS):
            self.start_client(nth)

    def url(self, port, nth):
        """Where the `nth` peer finds a port: every other one by way of the proxy."""
        url = self.server.http if port == "http" else getattr(self.server, port)
        if nth % 2:
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

    def start_worker(self, nth):
        kind, name = WORKERS[nth], f"w{nth}"
        book = self.folder / f"{name}.worker"
        urls = [self.url(port, nth) for port in ("jobs", "results")]
        if kind == "rust":
            queues = [part for queue in ("both", "rust") for part in ("--queue", queue)]
            command = [acequia(), "worker", "--jobs", urls[0], "--results", urls[1], *queues,
                       "--slots", 2, "--name", name, "--", "sh", HERE / "worker.sh", book, name]
        else:
            slots = 4 if kind == "zmq many" else 1
            command = [sys.executable, HERE / "worker.py", *urls, book, name, "both,zmq", slots]
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
                   f"{self._seed} {name}"]
        self.clients[nth] = Process(command, name=name, stdin=subprocess.PIPE)

    def kill_client(self, nth):
        self.clients[nth].kill()

    def finish_clients(self):
        """Tells them to submit no more."""
        for client in self.clients:
            client.process.stdin.write(b"\n")
            client.process.stdin.close()

    def cut(self, port, share, rng):
        self.proxies[port].cut(share, rng)

    def close(self):
        for process in take_all():
            process.clear_away()
        for proxy in self.proxies.values():
            proxy.close()
