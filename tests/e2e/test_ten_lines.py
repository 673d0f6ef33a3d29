"""Ten lines of Python and the stock library are a worker, whatever starts or dies when."""

import sys
from pathlib import Path

import pytest

from harness import Client, Process, Server

ROOT = Path(__file__).parents[2]
TEN_LINES = Path(__file__).with_name("ten_lines.py")

def ten_lines(jobs, results):
    return Process([sys.executable, TEN_LINES, jobs, results], name="ten lines")


def works(server, encoding="json"):
    with Client(server, encoding) as client:
        assert client.result(client.submit("fair shares of water")) == "FAIR SHARES OF WATER"


@pytest.mark.parametrize("document", ["README.md", "docs/worker-protocol.md"])
def test_they_are_what_is_printed(document):
    """But for the endpoints, which are written out in print."""
    printed = (ROOT / document).read_text().split("```python\n")[1].split("```")[0]
    for name, url in (("JOBS", "tcp://127.0.0.1:5557"), ("RESULTS", "tcp://127.0.0.1:5558")):
        printed = printed.replace(f'"{url}"', name)
    head, _, loop = printed.partition("jobs, results = ")
    assert loop and TEN_LINES.read_text().endswith(f"jobs, results = {loop}")
    assert [line for line in head.splitlines() if line] == [
        "import zmq", "ctx = zmq.Context(); ctx.setsockopt(zmq.HEARTBEAT_IVL, 30_000)",
    ]


def test_server_first(server, encoding):
    ten_lines(server.jobs, server.results)
    works(server, encoding)


def test_bytes_come_back_as_bytes(server, new_client):
    ten_lines(server.jobs, server.results)
    client = new_client("msgpack")
    assert client.result(client.submit(b"\x00drop\xff")) == b"\x00DROP\xff"


def test_worker_first():
    server = Server.on_quiet_ports()
    works_on = (server.jobs, server.results)
    server.kill()
    worker = ten_lines(*works_on)
    server.start_again()
    works(server)
    assert worker.alive
    server.check()


@pytest.mark.parametrize("worker_restarts", [False, True])
def test_over_kill_and_restart_of_the_server(worker_restarts):
    server = Server.on_quiet_ports()
    worker = ten_lines(server.jobs, server.results)
    works(server)
    for _ in range(3):
        server.kill()
        if worker_restarts:
            worker.kill()
            worker = ten_lines(server.jobs, server.results)
        server.start_again()
        works(server)
        assert worker.alive
    server.check()


def test_over_kill_and_restart_of_the_worker(server):
    for _ in range(3):
        worker = ten_lines(server.jobs, server.results)
        works(server)
        worker.kill()
        server.wait_workers(0)


def test_a_job_waits_for_the_first_worker(server, client):
    id = client.submit("early")
    client.heard("accepted", id=id)
    ten_lines(server.jobs, server.results)
    assert client.result(id) == "EARLY"
