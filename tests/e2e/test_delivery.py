"""Every result reaches the client that asked, once; and nothing waits behind a dead worker."""

import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness import Process

HERE = Path(__file__).parent
CLIENTS, JOBS_EACH = 5, 200


def test_a_thousand_results_each_at_its_own_client_once(server, new_client, encoding):
    for _ in range(2):
        command = [sys.executable, HERE / "ten_lines.py", server.jobs, server.results]
        Process(command, name="worker")
    server.wait_workers(2)
    clients = [new_client(encoding) for _ in range(CLIENTS)]
    # All clients use the same ids: an outcome that went astray would be taken for another's.
    jobs = [
        dict(zip(client.submit_many([f"c{who} j{n}" for n in range(JOBS_EACH)]),
                 [f"C{who} J{n}" for n in range(JOBS_EACH)], strict=True))
        for who, client in enumerate(clients)
    ]
    for client in clients:
        client.outcomes(JOBS_EACH)
    for client, expected in zip(clients, jobs, strict=True):
        client.barrier()
        outcomes = [e for e in client.events if e["ev"] in ("done", "failed", "cancelled")]
        assert {e["id"]: e.get("result") for e in outcomes} == expected
        assert len(outcomes) == JOBS_EACH
        assert len({e["job"] for e in outcomes}) == JOBS_EACH
    started = Counter(e["worker"] for c in clients for e in c.events if e["ev"] == "started")
    assert len(started) == 2 and sum(started.values()) == CLIENTS * JOBS_EACH
    assert server.metric("acequia_jobs_ended_total", queue="default", outcome="done") == 1000


def test_killed_with_eight_jobs_in_hand(server, client, new_serving, record_property):
    command = [sys.executable, HERE / "holding_worker.py", server.jobs, server.results, "8"]
    holder = Process(command, name="holder")
    server.wait_workers(1)
    ids = client.submit_many([f"job {n}" for n in range(8)])
    holder.line(lambda line: line.startswith("holds"), nth=8)
    for id in ids:
        client.heard("accepted", id=id)
    new_serving(lambda job: job.body.upper(), name="other", slots=8)
    server.wait_workers(2)

    killed = time.monotonic()
    holder.kill()
    results = [client.result(id) for id in ids]
    took = time.monotonic() - killed
    print(f"8 jobs of a killed worker were done by another after {took * 1000:.1f} ms")
    record_property("redelivery_s", took)

    assert results == [f"JOB {n}" for n in range(8)]
    for id in ids:
        accepted, first, retrying, second, done = client.of(id)
        assert (accepted["ev"], done["ev"]) == ("accepted", "done")
        assert (first["ev"], first["attempt"], first["worker"]) == ("started", 1, "holder")
        # At once: neither a lease nor a timeout has to pass.
        assert (retrying["ev"], retrying["code"]) == ("retrying", "worker_lost")
        assert (retrying["attempt"], retrying["in_ms"]) == (2, 0)
        assert (second["ev"], second["attempt"], second["worker"]) == ("started", 2, "other")
    assert server.metric("acequia_jobs_redelivered_total", queue="default") == 8
    assert took < 5


def test_a_killed_workers_jobs_wait_for_the_next_one(server, client, new_serving):
    command = [sys.executable, HERE / "holding_worker.py", server.jobs, server.results, "1"]
    holder = Process(command, name="holder")
    server.wait_workers(1)
    first, second = client.submit("first"), client.submit("second")
    holder.line(lambda line: line.startswith("holds"))
    holder.kill()
    client.heard("retrying", id=first)
    order = []
    new_serving(lambda job: order.append(job.body) or job.body)
    assert (client.result(first), client.result(second)) == ("first", "second")
    # What was lost goes to the front of its line.
    assert order == [b'"first"', b'"second"']


def test_a_poison_job_ends(server, client, new_worker):
    id = client.submit("poison")
    for attempt in range(1, 5):
        worker = new_worker(name=f"victim-{attempt}")
        assert worker.job().head["attempt"] == attempt
        worker.close()
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"], outcome["attempt"]) == ("failed", "worker_lost", 4)
    assert "victim-4" in outcome["message"]
    assert client.names(id).count("retrying") == 3


@pytest.mark.parametrize("worker_takes_more", [False, True])
def test_packed_messages(server, client, new_worker, worker_takes_more):
    ids = client.submit_many([f"job {n}" for n in range(50)])
    client.heard("accepted", id=ids[-1])
    worker = new_worker(slots=50, pack=20 if worker_takes_more else 1)
    frames = worker.jobs.recv_multipart()
    assert len(frames) == (20 * 4 if worker_takes_more else 4)
    taken = [frames[at + 1] for at in range(0, len(frames), 4)]
    while len(taken) < 50:
        taken.append(worker.job().id)
    # A worker may always pack: all results in one message.
    packed = []
    for n, id in enumerate(taken):
        packed += [b"done", id, b"", b"%d" % n]
    worker.results.send_multipart(packed)
    assert sorted(client.result(id) for id in ids) == list(range(50))
