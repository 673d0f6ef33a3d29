"""What Prometheus scrapes is what was done."""

import pytest

from harness import eventually


def test_the_text_format(server):
    status, headers, text = server.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert text.endswith("\n")
    assert server.metrics()  # parses


def test_counters_match_what_was_done(server, client, new_worker):
    worker = new_worker(queues=["counted"], slots=2)
    submit = lambda **fields: client.submit("text", queue="counted", **fields)  # noqa: E731
    for _ in range(3):
        id = submit()
        worker.done(worker.job(), b"1")
        client.result(id)
    for _ in range(2):
        id = submit()
        worker.fail(worker.job(), message="no")
        client.outcome(id)
    cancelled = submit()
    job = worker.job()
    client.cancel(cancelled)
    client.outcome(cancelled)
    worker.expect("cancel")
    worker.done(job, b"1")
    client.submit("text", queue="a b")
    client.submit("text", queue="counted", priority=99)
    client.send({"op": "explode"})
    client.barrier()
    running = submit()
    worker.job()
    client.heard("started", id=running)
    other = submit()
    worker.job()
    waiting = submit()
    client.heard("accepted", id=waiting)
    client.heard("started", id=other)

    # The late result was before these.
    seen = server.metrics()

    def metric(name, **labels):
        return seen[(name, tuple(sorted(labels.items())))]

    counted = {"queue": "counted"}
    assert metric("acequia_jobs_submitted_total", **counted) == 9
    assert metric("acequia_jobs_ended_total", outcome="done", **counted) == 3
    assert metric("acequia_jobs_ended_total", outcome="failed", **counted) == 2
    assert metric("acequia_jobs_ended_total", outcome="cancelled", **counted) == 1
    # Two submits, the unknown op and the cancel of the barrier.
    assert metric("acequia_jobs_rejected_total", code="bad_request") == 4
    assert metric("acequia_jobs_redelivered_total", **counted) == 0
    assert metric("acequia_worker_messages_dropped_total", reason="late") == 1
    assert metric("acequia_jobs_running", **counted) == 2
    assert metric("acequia_queue_depth", **counted) == 1
    assert metric("acequia_queue_oldest_waiting_seconds", **counted) > 0
    assert metric("acequia_queue_slots", **counted) == 2
    assert metric("acequia_queue_slots_busy", **counted) == 2
    assert metric("acequia_queue_load_ratio", **counted) == 1.5
    assert metric("acequia_workers") == 1
    assert (metric("acequia_slots_busy"), metric("acequia_slots_free")) == (2, 0)
    assert metric("acequia_sessions") == 1
    assert metric("acequia_payload_bytes") == 3 * len('"text"')
    for port in ("jobs", "results"):
        assert metric("acequia_gate_connections", port=port) == 1
        assert metric("acequia_gate_connections_not_ready", port=port) == 0
        assert metric("acequia_gate_received_bytes_total", port=port) > 0
        assert metric("acequia_gate_sent_bytes_total", port=port) > 0
    assert metric("acequia_job_round_trip_seconds_count", **counted) == 6
    assert metric("acequia_job_running_seconds_count", **counted) == 6
    assert metric("acequia_job_waiting_seconds_count", **counted) == 8
    for name in ("round_trip", "running", "waiting"):
        buckets = [
            value
            for (sample, labels), value in seen.items()
            if sample == f"acequia_job_{name}_seconds_bucket" and dict(labels)["queue"] == "counted"
        ]
        assert buckets == sorted(buckets) and len(buckets) > 5


def test_gauges_come_down_again(server, client, new_worker):
    worker = new_worker(queues=["passing"])
    id = client.submit("text", queue="passing")
    worker.done(worker.job(), b"1")
    client.result(id)
    worker.close()
    client.close()
    server.wait_workers(0)
    eventually(lambda: server.metric("acequia_sessions") == 0, "the end of the session")
    for name in ("acequia_payload_bytes", "acequia_slots_busy", "acequia_slots_free"):
        assert server.metric(name) == 0
    assert server.metric("acequia_queue_depth", queue="passing") == 0
    eventually(lambda: server.metric("acequia_gate_connections", port="jobs") == 0, "no connection")
    closed = "acequia_gate_connections_closed_total"
    server.wait_metric(closed, 1, port="results", reason="peer_closed")


def test_a_queue_that_nobody_serves_asks_for_a_worker(server, client, new_worker):
    def load():
        names = ("acequia_queue_slots", "acequia_queue_slots_busy", "acequia_queue_load_ratio")
        return [server.metric(name, queue="default") for name in names]

    client.accepted([client.submit(1)])
    assert load() == [0, 0, 1]
    client.accepted([client.submit(1)])
    assert load() == [0, 0, 2]
    worker = new_worker(slots=4, queues=["default", "another"])
    worker.job(), worker.job()
    assert load() == [4, 2, 0.5]
    # A slot that another queue's job has is not free for this one.
    client.submit(1, queue="another")
    worker.job()
    assert load() == [4, 3, 0.75]
    # Told that it drains: its jobs are on their way out with it.
    worker.send("bye", worker.lane)
    worker.expect("bye")
    assert load() == [0, 0, 0]


@pytest.mark.parametrize("queues", [300])
def test_queues_of_clients_choice_do_not_flood_it(server, client, queues):
    ids = [client.submit(1, queue=f"queue-{n}", ttl_ms=1) for n in range(queues)]
    for id in ids:
        client.outcome(id)
    labels = {
        dict(labels)["queue"]
        for name, labels in server.metrics()
        if name == "acequia_jobs_submitted_total"
    }
    assert len(labels) <= 101 and "other" in labels
    assert server.metric("acequia_jobs_submitted_total", queue="other") == queues - 100


def test_health(server):
    assert server.get("/healthz")[0] == 200
    assert server.get("/readyz")[0] == 200
