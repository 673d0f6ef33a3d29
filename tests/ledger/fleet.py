"""The peers of a run, workers and clients; each can be ended and started again. What they serve is a subclass's."""

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness import Process, acequia
from harness.process import take_all
from harness.server import clean_env

HERE = Path(__file__).parent
CLIENTS = 4
KINDS = ("zmq", "zmq beats", "zmq beats many", "rust", "rust")  # the workers of each server
LEASE_S = 2
HEALED_S = 15  # until a server writes again that can
LONG_S = 600  # how long outcomes are kept: so that all can be asked for
SERVER_FLAGS = ("--lease-s", LEASE_S, "--grace-s", 1)


def goes_by_proxy(nth):
    """Every other peer does."""
    return nth % 2 == 1


def beats(nth):
    """Whether a worker does, so that it keeps what it has."""
    return KINDS[nth % len(KINDS)] != "zmq"


def name_of(nth):
    """What a worker is called."""
    return f"w{nth}"


def nth_of(name):
    return int(name.removeprefix("w"))


def client_of(session):
    """The number of the client whose session this is."""
    return int(session.split(".")[1].removeprefix("c"))


def server_of(nth):
    """Whose a worker is."""
    return nth // len(KINDS)


class Fleet:
    """What is started here is ended by `close`, and nothing else is."""

    def __init__(self, folder, seed, sites):
        self.folder, self._seed, self.sites = folder, seed, sites
        # Of the round: what went wrong, and what happened some time after the deed that had it happen, as deeds are.
        self.wrong, self.noted = [], []
        self.workers = [None] * (len(KINDS) * len(sites))
        self.clients, self._incarnations, self._round = [None] * CLIENTS, [0] * CLIENTS, 0
        self._away = False
        for nth in range(len(self.workers)):
            self.start_worker(nth)

    def begin(self, nth_round, plan):
        """New clients, for a new round."""
        self._round, self._away, self._incarnations = nth_round, plan.away, [0] * CLIENTS
        self.wrong, self.noted = [], []
        for nth in range(CLIENTS):
            self.start_client(nth)

    @property
    def server(self):
        """The one that works."""
        raise NotImplementedError

    @property
    def asked(self):
        """The one that is asked for what is known."""
        return self.server

    @property
    def workers_told(self):
        """How many workers the one that works has, when all is well."""
        return len(KINDS)

    def terms(self):
        """Who has owned the journal, and since when, where that is known."""
        return []

    def come_up(self):
        """Waits until the servers are as they are to be."""
        raise NotImplementedError

    def come_to_rest(self):
        """All jobs have ended: waits until nothing of them is left."""
        raise NotImplementedError

    def stay(self, seconds):
        """All stays as it is, however long the deed before has taken."""
        time.sleep(seconds)

    def is_idle(self):
        """Whether no job is live: waiting, delayed or running."""
        names = ("acequia_payload_bytes", "acequia_queue_depth", "acequia_jobs_running")
        return all(self.server.total(name) == 0 for name in names)

    def start_worker(self, nth):
        kind, name, site = KINDS[nth % len(KINDS)], name_of(nth), self.sites[server_of(nth)]
        book = self.folder / f"{name}.worker"
        urls = [site.url(port, goes_by_proxy(nth)) for port in ("jobs", "results")]
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
        # Each begins with another server.
        urls = [self._url_of((nth + at) % len(self.sites), goes_by_proxy(nth)) for at in range(len(self.sites))]
        command = [sys.executable, HERE / "client.py", ",".join(urls),
                   self.folder / f"{name}.client", name, "msgpack" if nth % 4 > 1 else "json",
                   f"{self._seed} {name}", "away" if self._away else "here", self.patience_of_client(nth)]
        self.clients[nth] = Process(command, name=name, stdin=subprocess.PIPE)

    def _url_of(self, server, by_proxy):
        return f"ws://{self.sites[server].url('http', by_proxy)}/v1/ws"

    def servers_by_url(self):
        """Which server clients find where."""
        ways = itertools.product(range(len(self.sites)), (False, True))
        return {self._url_of(server, by_proxy): server for server, by_proxy in ways}

    def patience_of_client(self, nth):
        """Whether it is `hasty`, and leaves a server that says nothing, or `patient`."""
        return "patient"

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
        for site in self.sites:
            site.proxies[port].cut(share, rng)

    def close(self, keep=False):
        for process in take_all():
            process.clear_away()
        for nth, site in enumerate(self.sites):
            site.close()
            if keep:
                site.keep_logs(self.folder, f"server{nth}")
