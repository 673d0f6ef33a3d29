"""One worker of several servers: a lane for each, and none depends on another."""

import pytest

from harness import Client
from sdks import LONG


@pytest.fixture
def servers(new_server):
    return [new_server(quiet_ports=True) for _ in range(2)]


def works(server, count=1):
    with Client(server) as client:
        ids = client.submit_many(list(range(count)), queue="echo")
        client.outcomes(count)
        assert [client.result(id) for id in ids] == list(range(count))


def test_jobs_of_both_are_done(servers, new_worker):
    new_worker(*servers)
    for server in servers:
        works(server, 500)


def test_each_has_all_slots(servers, new_worker, sdk):
    new_worker(*servers, slots=4)
    for server in servers:
        server.wait_workers(1)
        assert server.metric("acequia_slots_free") == 4


@pytest.mark.parametrize("dies", [0, 1])
def test_one_dies_and_the_other_goes_on(servers, new_worker, dies):
    worker = new_worker(*servers, slots=2)
    dead, alive = servers[dies], servers[1 - dies]
    works(dead)
    with Client(alive) as client:
        held = client.submit(LONG, queue="sleep")
        client.heard("started", id=held)
        dead.kill()
        works(alive, 100)
        # Its lane has lasted.
        assert client.names(held)[-1] == "started"
        dead.start_again()
        works(dead, 100)
        client.cancel(held)
    assert worker.alive


def test_one_was_never_there(servers, new_worker):
    late, server = servers
    late.kill()
    new_worker(late, server)
    works(server, 10)
    late.start_again()
    works(late, 10)


def test_lists_that_do_not_pair(servers, new_worker):
    """It is said at the start."""
    worker = new_worker(*servers, env={"ACEQUIA_RESULTS": servers[0].results})
    assert worker.wait() not in (0, None)
    said = "\n".join(worker.stderr)
    assert "2" in said and "1" in said and "results" in said.lower(), worker.log()
