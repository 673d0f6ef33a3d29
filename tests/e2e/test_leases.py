"""Workers that fall silent: what they held goes elsewhere, and what they say of it is too late."""

import os
import signal

import pytest

from harness import acequia_worker, eventually

LEASE_S = 2


@pytest.fixture
def server(new_server):
    return new_server("--lease-s", str(LEASE_S))


def test_a_stopped_worker_loses_its_job_and_comes_back(server, client, new_serving):
    # `cat` would answer at once: the job has to be in hand when its worker is stopped.
    stopped = acequia_worker(server, "--name", "stopped", "--", "sh", "-c", "sleep 1; cat")
    id = client.submit("hello")
    client.heard("started", id=id, worker="stopped")
    stopped.signal(signal.SIGSTOP)
    new_serving(lambda job: job.body.upper(), name="other")
    assert client.result(id) == "HELLO"
    assert [e["ev"] for e in client.of(id) if e["ev"] != "accepted"] == [
        "started", "retrying", "started", "done"
    ]
    retrying = client.heard("retrying", id=id)
    assert (retrying["code"], retrying["in_ms"]) == ("worker_lost", 0)
    assert server.metric("acequia_workers_silent") == 1
    # The other one is busy with nothing: the silent one gets no job although its slot is free.
    assert client.result(client.submit("again")) == "AGAIN"

    stopped.signal(signal.SIGCONT)
    server.wait_metric("acequia_worker_messages_dropped_total", 1, reason="late")
    eventually(lambda: server.metric("acequia_workers_silent") == 0, "the silence to end")
    assert client.names(id).count("done") == 1
    assert server.metric("acequia_jobs_ended_total", queue="default", outcome="done") == 2


def test_whatever_a_worker_says_keeps_its_jobs(client, new_worker):
    worker = new_worker(name="slow", slots=2)
    first, second = client.submit("first"), client.submit("second")
    jobs = [worker.job(), worker.job()]
    worker.send("beat", worker.lane)
    for _ in range(2 * LEASE_S):
        # Nothing to wait for: it is the time between two words that matters.
        assert not worker.jobs.poll(LEASE_S * 500)
        worker.publish("news", b"1")
        worker.progress(jobs[0], note="still here")
    for job in jobs:
        worker.done(job, job.body)
    assert (client.result(first), client.result(second)) == ("first", "second")
    assert "retrying" not in client.names(first) + client.names(second)


def test_a_silent_worker_is_told_and_its_late_result_is_dropped(client, new_worker, server):
    worker = new_worker(name="silent")
    id = client.submit("hello")
    job = worker.job()
    worker.send("beat", worker.lane)
    assert worker.expect("cancel").id == job.id
    assert client.heard("retrying", id=id)["code"] == "worker_lost"
    worker.done(job, b'"too late"')
    # The slot is free with that, and the job may run here again.
    again = worker.job()
    assert (again.id, again.head["attempt"]) == (job.id, 2)
    worker.done(again, b'"in time"')
    assert client.result(id) == "in time"
    assert server.metric("acequia_worker_messages_dropped_total", reason="late") == 1


def test_a_worker_that_never_beats_is_waited_for(client, new_worker):
    worker = new_worker()
    id = client.submit("hello")
    job = worker.job()
    assert not worker.jobs.poll(LEASE_S * 1500)
    worker.done(job, job.body)
    assert client.result(id) == "hello"
    assert "retrying" not in client.names(id)


def test_a_server_that_stood_still_takes_no_job_from_its_worker(client, new_worker, server):
    """It is stopped for longer than the lease, and than the run may take whose end lies there then."""
    worker = new_worker(name="steady", slots=2)
    timed = client.submit("timed", timeout_ms=LEASE_S * 1500)
    held = client.submit("held")
    jobs = [worker.job(), worker.job()]
    worker.send("beat", worker.lane)
    client.heard("started", id=held)
    os.kill(server.process.pid, signal.SIGSTOP)
    worker.done(jobs[0], jobs[0].body)
    # Nothing to wait for: it is the time that matters.
    assert not worker.jobs.poll(LEASE_S * 2000)
    os.kill(server.process.pid, signal.SIGCONT)
    assert client.result(timed) == "timed"
    worker.done(jobs[1], jobs[1].body)
    assert client.result(held) == "held"
    assert client.names(timed) == client.names(held) == ["accepted", "started", "done"]
    server.process.line(lambda line: "the server stood still" in line, of="stderr")
