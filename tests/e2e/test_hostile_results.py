"""Workers that speak well and lie about jobs that are, or were, a little their own."""

import json

import pytest
import zmq

from harness import Client, Steady, Worker, eventually

MIB = 1 << 20


@pytest.fixture
def steady(server):
    """Others at work, before, during and after what the test does."""
    with Steady(server) as steady:
        yield steady
        steady.go_on()


def dropped(server, reason):
    return server.metric("acequia_worker_messages_dropped_total", reason=reason)


def only_outcome(client, id):
    client.barrier()
    outcome, = [event for event in client.of(id) if event["ev"] in ("done", "failed", "cancelled")]
    return outcome


def test_a_job_that_was_once_its_own(server, steady, make):
    """It was lost with a connection, and is another's by now: whoever had it has no say in it."""
    client = make(Client(server))
    id = client.submit("text", queue="shared")
    first = Worker(server, queues=["shared"])
    job = first.job()
    first.close()
    second = make(Worker(server, queues=["shared"]))
    assert second.job().id == job.id
    back = make(Worker(server, ready=False))
    back.hello()
    before = dropped(server, "not_ready")
    back.done(job, b'"before ready"')
    eventually(lambda: dropped(server, "not_ready") == before + 1, "the result to be dropped")
    back.send("ready", back.lane, {"queues": ["other"]})
    server.wait_workers(3)
    for kind in ("done", "fail", "chunk", "progress"):
        back.send(kind, job.id, None, b'"stolen"')
    eventually(lambda: dropped(server, "not_held") == 4, "the messages to be dropped")
    second.done(job, b'"mine"')
    assert client.result(id) == "mine"
    # And when it has ended.
    back.done(job, b'"too late"')
    eventually(lambda: dropped(server, "not_held") == 5, "the result to be dropped")
    assert only_outcome(client, id)["result"] == "mine"
    assert "chunk" not in client.names(id) and "progress" not in client.names(id)


def test_results_over_the_connection_of_another(server, steady, make):
    """A lane has one results connection. Who knows its name has not the right to speak for it."""
    client, worker = make(Client(server)), make(Worker(server, queues=["shared"]))
    id = client.submit("text", queue="shared")
    job = worker.job()
    context = zmq.Context()
    other = context.socket(zmq.PUSH)
    other.connect(server.results)
    try:
        before = dropped(server, "not_ready")
        other.send_multipart([b"done", job.id, b"", b'"stolen"'])
        eventually(lambda: dropped(server, "not_ready") == before + 1, "the result to be dropped")
        other.send_multipart([b"ready", worker.lane, b"", b""])
        other.send_multipart([b"done", job.id, b"", b'"stolen too"'])
        eventually(lambda: dropped(server, "not_ready") == before + 2, "the result to be dropped")
    finally:
        context.destroy(linger=0)
    worker.done(job, b'"mine"')
    assert client.result(id) == "mine"
    assert only_outcome(client, id)["result"] == "mine"


def test_a_result_far_too_large(server, steady, make):
    """It costs the worker its connection, and the job a run: whoever gets it next may do better."""
    client, worker = make(Client(server)), make(Worker(server, queues=["shared"]))
    id = client.submit("text", queue="shared")
    job = worker.job()
    worker.done(job, b'"' + b"x" * (17 * MIB) + b'"')
    retrying = client.heard("retrying", id=id)
    assert (retrying["code"], retrying["in_ms"]) == ("worker_lost", 0)
    # Stock libzmq comes back by itself, and may have sent the rest of it again by then.
    worker.ready(queues=["shared"])
    again = worker.job()
    assert (again.id, again.head["attempt"]) == (job.id, 2)
    worker.done(again, json.dumps("smaller").encode())
    assert client.result(id) == "smaller"
    server.wait_metric("acequia_gate_connections_refused_total", 1, port="results", reason="frame_too_large")
    assert server.peak_mib() < 200


def test_both_done_and_failed_in_one_message(server, steady, make):
    """The first word counts; what is packed behind it about the same job is dropped."""
    client, worker = make(Client(server)), make(Worker(server, slots=2, queues=["shared"]))
    ids = client.submit_many(["first", "second"], queue="shared")
    jobs = [worker.job(), worker.job()]
    fail = b"\x81\xa5retry\xc2"
    worker.results.send_multipart([
        b"done", jobs[0].id, b"", b"1", b"fail", jobs[0].id, fail, b"", b"done", jobs[0].id, b"", b"2",
        b"fail", jobs[1].id, fail, b"", b"done", jobs[1].id, b"", b"3", b"chunk", jobs[1].id, b"", b"4",
    ])
    assert client.result(ids[0]) == 1
    assert client.outcome(ids[1])["ev"] == "failed"
    eventually(lambda: dropped(server, "not_held") == 4, "the rest to be dropped")
    assert only_outcome(client, ids[0])["result"] == 1
    assert only_outcome(client, ids[1])["code"] == "worker_error"
