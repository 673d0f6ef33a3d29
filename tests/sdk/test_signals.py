"""SIGTERM and SIGINT: what a worker holds is finished and told, and no job is lost."""

import signal

import pytest

from harness import Client, Server
from harness.process import eventually
from nobody import Nobody
from sdks import LONG

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
# Much less than a worker gives its handlers to finish, and much more than it needs to end.
PROMPT_S = 15


def drains(admin, name):
    """Waits until this worker has said that it wants no more jobs, or is gone already."""
    eventually(lambda: not any(worker["name"] == name and worker["state"] == "ready"
                               for worker in admin.get("workers")["workers"]), f"{name} to drain")


@BOTH
def test_an_idle_one_ends(server, worker, number):
    worker.signal(number)
    assert worker.wait(PROMPT_S) == 0
    server.wait_workers(0)


def test_as_soon_as_they_are_ready(server, new_worker):
    """Who is ready hears a signal, however busy it still is with its start."""
    workers = [new_worker(server, name=f"worker {nth}") for nth in range(8)]
    for worker in workers:
        server.process.line(lambda line, name=worker.name: f'name={name} ' in line.replace('"', ""), of="stderr")
        worker.signal(signal.SIGTERM)
    assert [worker.wait() for worker in workers] == [0] * 8


@BOTH
def test_what_is_held_is_finished_and_told(server, admin, client, new_worker, sdk, number):
    worker = new_worker(server, slots=4)
    server.wait_workers(1)
    held = client.submit_many([2000] * 4, queue="sleep")
    for id in held:
        client.heard("started", id=id)
    worker.signal(number)
    drains(admin, sdk.name)
    waits = client.submit("waits", queue="echo")
    for id in held:
        client.result(id)
    assert worker.wait() == 0
    assert all("retrying" not in client.names(id) for id in held)
    assert "started" not in client.names(waits)
    new_worker(server, name="next")
    assert client.result(waits) == "waits"
    assert client.heard("started", id=waits)["worker"] == "next"


def test_under_load(server, client, new_worker):
    """Jobs that were on their way when it said that it wants no more are done as well."""
    worker = new_worker(server, slots=16)
    server.wait_workers(1)
    payloads = list(range(3000))
    ids = client.submit_many(payloads, queue="echo")
    client.outcomes(300)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    client.barrier()
    assert not [event for event in client.events if event["ev"] == "retrying"]
    new_worker(server, slots=16, name="next")
    assert [client.result(id) for id in ids] == payloads
    assert not [event for event in client.events if event["ev"] == "retrying"]
    assert server.total("acequia_worker_messages_dropped_total") == 0


@pytest.mark.parametrize("queue", ["sleep", "hang"])
def test_the_second_ends_it_at_once(server, admin, client, new_worker, sdk, queue):
    worker = new_worker(server)
    server.wait_workers(1)
    id = client.submit(LONG, queue=queue)
    client.heard("started", id=id)
    worker.signal(signal.SIGTERM)
    drains(admin, sdk.name)
    assert worker.alive
    worker.signal(signal.SIGTERM)
    assert worker.wait(PROMPT_S) != 0
    retrying = client.heard("retrying", id=id)
    assert (retrying["code"], retrying["in_ms"]) == ("worker_lost", 0)


def test_while_the_server_is_down(new_worker):
    server = Server.on_quiet_ports()
    worker = new_worker(server)
    server.wait_workers(1)
    server.kill()
    worker.signal(signal.SIGTERM)
    assert worker.wait(PROMPT_S) == 0


def test_while_the_server_was_never_there(new_worker):
    nobody = Nobody()
    worker = new_worker(nobody)
    nobody.wait_dials(2)
    nobody.close()
    worker.signal(signal.SIGTERM)
    assert worker.wait(PROMPT_S) == 0


def test_with_a_job_whose_server_is_gone(new_worker, make):
    """Nobody waits for it any more."""
    server = Server.on_quiet_ports()
    worker = new_worker(server, slots=2)
    server.wait_workers(1)
    client = make(Client(server))
    id = client.submit(LONG, queue="sleep")
    client.heard("started", id=id)
    server.kill()
    worker.signal(signal.SIGTERM)
    assert worker.wait(PROMPT_S) == 0
