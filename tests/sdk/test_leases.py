"""A worker beats as long as it lives, whatever its handlers do."""

import signal

import pytest

from sdks import LONG

# More than an SDK may be silent for, and no longer than need be.
LEASE_S = 6


@pytest.fixture
def server(new_server):
    return new_server("--lease-s", str(LEASE_S))


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("queue", ["hang", "sleep"])
def test_a_long_job_keeps_its_lease(server, client, new_worker, queue, slots):
    new_worker(server, slots=slots)
    server.wait_workers(1)
    id = client.submit(LONG, queue=queue)
    client.heard("started", id=id)
    # By the server's clock, more than the lease.
    client.outcome(client.submit("never", queue="nobody", ttl_ms=LEASE_S * 1500))
    assert client.names(id)[-1] == "started"
    assert server.metric("acequia_workers_silent") == 0
    if slots > 1:
        assert client.result(client.submit("well", queue="echo")) == "well"


def test_the_first_beat_comes_at_once(server, client, new_worker):
    """So that no job goes without a lease: whoever is stopped right after its start loses what it holds."""
    worker = new_worker(server)
    server.wait_workers(1)
    id = client.submit(LONG, queue="sleep")
    client.heard("started", id=id)
    worker.signal(signal.SIGSTOP)
    assert client.heard("retrying", id=id)["code"] == "worker_lost"
    worker.signal(signal.SIGCONT)
    # It hears that the run is void, gives the slot back, and gets the job again.
    client.heard("started", id=id, nth=2)
