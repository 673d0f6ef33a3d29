"""A worker without work, or without a server, costs next to nothing."""

import time

import pytest

from cpu import cpu_s
from harness import Client, Server
from nobody import Nobody

# Of a processor. What spins takes all of one.
SHARE_MAX = 0.1
MEASURED_S = 6


def test_without_work(server, client, worker):
    client.result(client.submit("once", queue="echo"))
    assert_idle(worker, server)


@pytest.mark.parametrize("hangs_up", [True, False], ids=["hangs up", "says nothing"])
def test_with_somebody_else_in_its_place(make, new_worker, hangs_up):
    nobody = make(Nobody(hangs_up))
    worker = new_worker(nobody)
    nobody.wait_dials(3 if hangs_up else 1)
    assert_idle(worker, Server())
    if hangs_up:
        nobody.wait_dials(nobody.dials + 1)


def test_while_the_server_is_down(new_worker, make):
    server = Server.on_quiet_ports()
    worker = new_worker(server)
    server.wait_workers(1)
    server.kill()
    assert_idle(worker, Server())
    server.start_again()
    server.wait_workers(1)


def assert_idle(worker, clock):
    """What it takes of a processor while some time passes by the clock of a server that is nothing to it."""
    with Client(clock) as client:
        before, began = cpu_s(worker.pid), time.monotonic()
        client.outcome(client.submit("never", queue="nobody", ttl_ms=MEASURED_S * 1000))
        share = (cpu_s(worker.pid) - before) / (time.monotonic() - began)
    assert worker.alive and share < SHARE_MAX, f"{share:.3f} of a processor\n{worker.log()}"
    print(f"{worker.name}: {share:.4f} of a processor")
