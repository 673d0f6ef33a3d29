"""`acequia pool`: as many worker processes as there is work for."""

import os
import signal
import sys
from pathlib import Path

import pytest

from harness import Admin, Client, Process, Server, acequia, eventually, run_acequia
from harness.server import clean_env

POOLED = Path(__file__).with_name("pooled_worker.py")
SECRET = "an admin token of more than thirty-two bytes"


class Pool:
    """A running `acequia pool` of a server, whose name is `pool` unless it is given another."""

    def __init__(self, server, admin, *args, name="pool", env=None, cwd=None):
        self.name, self._admin = name, admin
        command = [acequia(), "pool", "--server", f"http://{server.http}", "--name", name, *args]
        self.process = Process(command, name=name, env=clean_env(env), cwd=cwd)

    def report(self):
        """What the server was last told; nothing if there is no such pool."""
        status, body = self._admin.call("GET", "pools")
        assert status == 200, body
        return next((pool for pool in body["pools"] if pool["pool"] == self.name), None)

    def pids(self):
        """Its worker processes, and not the one that guards them."""
        return [pid for pid in self.process.children() if b"pool-guard" not in command(pid)]

    def wait_processes(self, count, patience_s=30):
        return eventually(lambda: len(self.pids()) == count and (self.pids() or True),
                          f"{count} processes of {self.name}", patience_s)

    def stop(self):
        self.process.signal(signal.SIGTERM)
        return self.process.wait()


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def runs(pid):
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def new_pool(server, admin):
    return lambda *args, **options: Pool(server, admin, *args, **options)


@pytest.fixture
def ran(tmp_path):
    """The jobs that were begun, in the order of their beginnings."""
    path = tmp_path / "runs"
    path.touch()
    return lambda: path.read_text().split()


@pytest.fixture
def stock(tmp_path):
    """The command of a stock worker."""
    return ["--", sys.executable, POOLED, tmp_path / "runs"]


def test_a_burst_is_worked_off_by_all_and_then_there_is_none(server, client, new_pool, stock, ran):
    pool = new_pool("--max", "6", "--idle-s", "2", *stock)
    eventually(pool.report, "its report")
    assert pool.pids() == []
    ids = [client.submit(50) for _ in range(300)]
    pool.wait_processes(6)
    client.outcomes(300)
    assert all(client.outcome(id)["ev"] == "done" for id in ids)
    pool.wait_processes(0)
    assert len(ran()) == len(set(ran())) == 300
    assert pool.stop() == 0


def test_at_least_and_at_most(server, client, new_pool, stock):
    pool = new_pool("--min", "2", "--max", "3", "--idle-s", "1", *stock)
    pool.wait_processes(2)
    server.wait_workers(2)
    ids = [client.submit(300) for _ in range(12)]
    pool.wait_processes(3)
    client.outcomes(len(ids))
    pool.wait_processes(2)
    assert pool.stop() == 0
    assert pool.pids() == []


def test_who_is_killed_is_replaced(server, client, new_pool, stock):
    pool = new_pool("--min", "2", "--max", "2", *stock)
    for _ in range(3):
        server.wait_workers(2)
        (first, second) = pool.wait_processes(2)
        os.kill(first, signal.SIGKILL)
        eventually(lambda first=first: first not in pool.pids() and len(pool.pids()) == 2, "another process")
        assert second in pool.pids()
    server.wait_workers(2)
    assert client.result(client.submit(1)) == 1
    assert pool.stop() == 0


def test_sigterm_lets_jobs_end_and_takes_no_more(server, admin, client, new_pool, stock, ran):
    pool = new_pool("--max", "3", *stock)
    ids = [client.submit(700) for _ in range(9)]
    eventually(lambda: len(ran()) >= 3, "jobs that run")
    assert pool.stop() == 0
    begun = len(ran())
    assert begun < 9 and len(set(ran())) == begun
    # Those that ran are done, the others wait and were never begun.
    client.outcomes(begun)
    status, queue = admin.call("GET", "queues/default")
    assert status == 200 and queue["waiting"] == 9 - begun and queue["running"] == 0
    again = new_pool("--max", "3", *stock)
    client.outcomes(len(ids))
    assert len(ran()) == len(set(ran())) == 9
    assert again.stop() == 0


def test_sigterm_while_processes_start(server, client, new_pool, stock, ran):
    """Some have just become ready, some are about to: none is stopped with a job."""
    ids = [client.submit(50) for _ in range(100)]
    client.accepted(ids)
    for _ in range(6):
        pool = new_pool("--max", "4", *stock)
        pool.process.line(lambda line: line.endswith("| began"))
        assert pool.stop() == 0
    pool = new_pool("--max", "4", *stock)
    eventually(pool.report, "its report")
    client.outcomes(len(ids))
    assert len(ran()) == len(set(ran())) == 100
    assert pool.stop() == 0
