"""The server or the worker is killed, at any time: what was taken is done, and once as far as anybody is told."""

import json

import pytest

from harness import Client
from harness.api import Api
from sdks import LONG


def submitted(api, queue, payloads):
    """Jobs that are on disk; their names."""
    answer = api.submit_json([{"queue": queue, "payload": payload} for payload in payloads])
    assert answer.status == 202, answer
    return [each["job"] for each in answer.json]


def ended(api, job):
    """Waits for the end of a job: what the server knows of it."""
    return api.get(f"/v1/jobs/{job}?wait=60").json


def result(api, job):
    return json.loads(api.get(f"/v1/jobs/{job}/result?wait=60").body)


def wait_running(api, jobs):
    for job in jobs:
        while api.get(f"/v1/jobs/{job}").json["state"] == "waiting":
            pass


def test_the_server_is_killed(kept_server, new_worker):
    """The worker comes back, forgets what it held, and gets it again."""
    server, api = kept_server, Api(kept_server)
    worker = new_worker(server, slots=4)
    held = submitted(api, "sleep", [3000] * 4)
    waiting = submitted(api, "echo", range(50))
    wait_running(api, held)
    server.crash()
    for job in held:
        # Of another run: nobody was there to hear of the first.
        assert ended(api, job)["state"] == "done"
    assert [result(api, job) for job in waiting] == list(range(50))
    assert worker.alive and server.metric("acequia_workers") == 1
    # Nothing was said of the runs that were void.
    assert server.total("acequia_worker_messages_dropped_total") == 0


def test_the_server_is_killed_again_and_again(kept_server, new_worker):
    server, api = kept_server, Api(kept_server)
    worker = new_worker(server)
    for n in range(4):
        (job,) = submitted(api, "echo", [n])
        assert result(api, job) == n
        server.crash()
    assert worker.alive


def test_the_server_stops_in_order(kept_server, new_worker):
    """The worker keeps its process, and takes jobs of the next server."""
    server, api = kept_server, Api(kept_server)
    worker = new_worker(server)
    for n in range(2):
        (job,) = submitted(api, "echo", [n])
        assert result(api, job) == n
        assert server.stop() == 0
        server.start_again()
    server.wait_workers(1)
    assert worker.alive


def test_the_server_stops_while_jobs_run(kept_server, new_worker, make):
    """They end as if nothing were the matter, and are told by the old server; the worker waits for the next."""
    server = kept_server
    worker = new_worker(server, slots=4)
    client = make(Client(server))
    ids = client.submit_many([1500] * 4, queue="sleep")
    for id in ids:
        client.heard("started", id=id)
    assert server.stop() == 0
    for id in ids:
        client.result(id)
    server.start_again()
    server.wait_workers(1)
    assert worker.alive


@pytest.mark.parametrize("queue", ["sleep", "hang"])
def test_the_server_is_killed_while_a_handler_runs_on(kept_server, new_worker, queue):
    """A handler that heeds nothing keeps its worker from no other job."""
    server, api = kept_server, Api(kept_server)
    new_worker(server, slots=2)
    (held,) = submitted(api, queue, [LONG])
    wait_running(api, [held])
    server.crash()
    server.wait_workers(1)
    (job,) = submitted(api, "echo", ["well"])
    assert result(api, job) == "well"


def test_the_worker_is_killed(server, new_worker, make):
    """Eight jobs that it held run elsewhere at once."""
    first = new_worker(server, slots=8, name="first")
    client = make(Client(server))
    ids = client.submit_many([LONG] * 8, queue="sleep")
    for id in ids:
        client.heard("started", id=id, worker="first")
    new_worker(server, slots=8, name="second")
    server.wait_workers(2)
    first.kill()
    for id in ids:
        retrying = client.heard("retrying", id=id)
        assert (retrying["code"], retrying["in_ms"]) == ("worker_lost", 0)
        client.heard("started", id=id, worker="second", attempt=2)
    for id in ids:
        client.cancel(id)
    assert client.result(client.submit("well", queue="echo")) == "well"


def test_the_worker_comes_first(new_server, new_worker):
    server = new_server(quiet_ports=True)
    server.kill()
    worker = new_worker(server)
    server.start_again()
    with Client(server) as client:
        assert client.result(client.submit("early", queue="echo")) == "early"
    assert worker.alive
