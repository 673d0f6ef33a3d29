"""The life of a job, told to its client: runs, failures, limits, cancellation."""

import json

import msgpack
import pytest

from harness import Client


def encoded(encoding, value):
    """A value as a worker gets it and may give it back."""
    return json.dumps(value).encode() if encoding == "json" else msgpack.packb(value)


def test_events_come_in_order(new_client, new_worker, encoding):
    client, worker = new_client(encoding), new_worker(name="storyteller")
    id = client.submit({"rows": 2})
    job = worker.job()
    assert job.head["queue"] == "default" and job.head["attempt"] == 1
    assert job.head["type"] == f"application/{encoding}"
    assert job.body == encoded(encoding, {"rows": 2})
    client.heard("accepted", id=id)
    worker.progress(job, done=1, total=2, note="half")
    for n in range(3):
        worker.chunk(job, encoded(encoding, f"part {n}"))
    worker.progress(job, note="nearly")
    worker.done(job, encoded(encoding, {"ok": True}))
    assert client.result(id) == {"ok": True}
    client.barrier()
    events = client.of(id)
    assert [e["ev"] for e in events] == (
        ["accepted", "started", "progress"] + ["chunk"] * 3 + ["progress", "done"]
    )
    assert len({e["job"] for e in events}) == 1
    assert (events[1]["attempt"], events[1]["worker"]) == (1, "storyteller")
    assert (events[2]["done"], events[2]["total"], events[2]["note"]) == (1, 2, "half")
    assert [(e["n"], e["data"]) for e in events[3:6]] == [(n, f"part {n - 1}") for n in (1, 2, 3)]
    assert "done" not in events[6] and events[6]["note"] == "nearly"


def test_chunks_count_anew_in_each_run(client, new_worker):
    worker = new_worker()
    id = client.submit("text", attempts=2)
    job = worker.job()
    worker.chunk(job, b'"a"')
    worker.chunk(job, b'"b"')
    worker.fail(job, message="stumbled")
    again = worker.job()
    assert (again.id, again.head["attempt"]) == (job.id, 2)
    worker.chunk(again, b'"c"')
    worker.done(again, b'"end"')
    assert client.result(id) == "end"
    assert [e["n"] for e in client.of(id) if e["ev"] == "chunk"] == [1, 2, 1]


def test_cancel_of_a_waiting_job(client, new_worker):
    id = client.submit("never run")
    client.heard("accepted", id=id)
    client.cancel(id)
    assert client.outcome(id)["ev"] == "cancelled"
    other = client.submit("run")
    worker = new_worker()
    assert json.loads(worker.job().body) == "run"
    client.heard("started", id=other)
    assert client.names(id) == ["accepted", "cancelled"]


def test_cancel_of_a_running_job(server, client, new_worker):
    worker = new_worker()
    id = client.submit("long")
    job = worker.job()
    client.heard("started", id=id)
    client.cancel(id)
    assert client.outcome(id)["ev"] == "cancelled"
    assert worker.expect("cancel").id == job.id
    # What it says now is late. Its slot is free again with its last word.
    worker.progress(job, done=1)
    worker.done(job, b'"too late"')
    next_id = client.submit("next")
    worker.done(worker.job(), b'"next"')
    assert client.result(next_id) == "next"
    assert client.names(id).count("cancelled") == 1 and "done" not in client.names(id)
    assert server.metric("acequia_worker_messages_dropped_total", reason="late") == 2
    assert server.metric("acequia_jobs_ended_total", queue="default", outcome="cancelled") == 1


def test_an_id_may_be_used_again_after_the_end(client, new_serving):
    new_serving()
    for nth, text in enumerate(("one", "two"), 1):
        client.submit(text, id="same")
        assert client.heard("done", nth=nth, id="same")["result"] == text


def test_a_run_over_its_time(server, client, new_worker):
    worker = new_worker()
    id = client.submit("slow", timeout_ms=50)
    job = worker.job()
    assert job.head["timeout_ms"] == 50
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"], outcome["attempt"]) == ("failed", "timeout", 1)
    assert "50 ms" in outcome["message"]
    started = client.heard("started", id=id)
    assert outcome["at"] - started["at"] < 5
    assert worker.expect("cancel").id == job.id
    # The job has ended; its slot is not free, since the worker still is at it.
    following = client.submit("next")
    client.heard("accepted", id=following)
    assert server.metric("acequia_queue_depth", queue="default") == 1 and not worker.at_hand()
    worker.done(job, b'"too late"')
    worker.done(worker.job(), b'"next"')
    assert client.result(following) == "next"
    assert server.metric("acequia_worker_messages_dropped_total", reason="late") == 1


def test_a_run_over_its_time_is_tried_again(client, new_worker):
    slow, quick = new_worker(name="slow"), None
    id = client.submit("text", timeout_ms=100, attempts=2)
    slow.job()
    client.heard("started", id=id)
    quick = new_worker(name="quick")
    slow.expect("cancel")
    quick.done(quick.job(), b'"at last"')
    assert client.result(id) == "at last"
    assert client.heard("retrying", id=id)["code"] == "timeout"
    assert client.heard("started", nth=2, id=id)["worker"] == "quick"


def test_attempts_with_growing_gaps(client, new_worker):
    worker = new_worker()
    id = client.submit("text", attempts=4)
    for attempt in range(1, 5):
        job = worker.job()
        assert job.head["attempt"] == attempt
        worker.fail(job, code="no_luck", message=f"try {attempt}")
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"], outcome["attempt"]) == ("failed", "no_luck", 4)
    assert outcome["message"] == "try 4"
    events = client.of(id)
    retries = [e for e in events if e["ev"] == "retrying"]
    assert [(e["attempt"], e["code"], e["message"]) for e in retries] == [
        (n + 1, "no_luck", f"try {n}") for n in (1, 2, 3)
    ]
    gaps = [e["in_ms"] for e in retries]
    assert all(2**n * 100 <= gap <= 2**n * 300 for n, gap in enumerate(gaps)), gaps
    assert gaps == sorted(gaps)
    for retry in retries:
        start = next(e for e in events if e["ev"] == "started" and e["attempt"] == retry["attempt"])
        # Both times are those of the client, where an event may be read a little late.
        assert start["at"] - retry["at"] > retry["in_ms"] / 1000 * 0.7


def test_fail_without_retry(client, new_worker):
    worker = new_worker()
    id = client.submit("text", attempts=5)
    worker.fail(worker.job(), code="hopeless", message="never", retry=False)
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"], outcome["attempt"]) == ("failed", "hopeless", 1)
    assert "retrying" not in client.names(id)


def test_fail_of_few_words(client, new_worker):
    worker = new_worker()
    id = client.submit("text")
    worker.results.send_multipart([b"fail", worker.job().id])
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"], outcome["message"]) == ("failed", "worker_error", "")


def test_delay(client, new_serving):
    ran = []
    new_serving(lambda job: ran.append(job.body) or job.body)
    later = client.submit("later", delay_ms=300)
    accepted = client.heard("accepted", id=later)
    assert client.result(client.submit("now")) == "now"
    assert client.result(later) == "later"
    assert ran == [b'"now"', b'"later"']
    assert client.heard("started", id=later)["at"] - accepted["at"] > 0.25


def test_time_to_live(client, new_worker):
    id = client.submit("stale", ttl_ms=50)
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"]) == ("failed", "expired")
    assert "50 ms" in outcome["message"]
    fresh = client.submit("fresh", ttl_ms=60_000)
    worker = new_worker()
    job = worker.job()
    assert json.loads(job.body) == "fresh"
    worker.done(job, job.body)
    assert client.result(fresh) == "fresh"


def test_priority(client, new_serving):
    order = []
    ids = [client.submit(n, priority=n) for n in (4, 0, 9, 5, 1)]
    ids.append(client.submit("default"))
    for id in ids:
        client.heard("accepted", id=id)
    new_serving(lambda job: order.append(json.loads(job.body)) or job.body)
    for id in ids:
        client.result(id)
    # The default is 4, and equals are served in the order of their arrival.
    assert order == [9, 5, 4, "default", 1, 0]


def test_clients_take_turns(new_client, new_serving):
    greedy, modest = new_client(), new_client()
    many = greedy.submit_many([f"greedy {n}" for n in range(100)])
    greedy.heard("accepted", id=many[-1])
    few = modest.submit_many([f"modest {n}" for n in range(5)])
    modest.heard("accepted", id=few[-1])
    order = []
    new_serving(lambda job: order.append(json.loads(job.body)) or job.body)
    greedy.outcomes(100)
    modest.outcomes(5)
    last = max(order.index(f"modest {n}") for n in range(5))
    assert last <= 10, order[:20]


def test_queues_go_to_their_workers(client, new_worker):
    red, both = new_worker(queues=["red"]), new_worker(queues=["red", "blue"], slots=2)
    blue = client.submit("b", queue="blue")
    job = both.job()
    assert (job.head["queue"], json.loads(job.body)) == ("blue", "b")
    first = client.submit("r", queue="red")
    # The least loaded of those that serve the queue.
    job_of_red = red.job()
    red.done(job_of_red, b'"red"')
    both.done(job, b'"blue"')
    assert (client.result(first), client.result(blue)) == ("red", "blue")


def test_a_worker_drains_on_its_bye(client, new_worker):
    leaving = new_worker(name="leaving", slots=2)
    held = client.submit("held")
    job = leaving.job()
    leaving.send("bye", leaving.lane)
    # The answer, behind which no job comes.
    assert leaving.expect("bye").id == leaving.lane
    # It has a free slot, but said that it wants no more.
    after = client.submit("after")
    client.heard("accepted", id=after)
    staying = new_worker(name="staying")
    staying.done(staying.job(), b'"by another"')
    assert client.result(after) == "by another"
    leaving.done(job, b'"finished"')
    assert client.result(held) == "finished"
    assert not leaving.at_hand()


def test_duplicate_id(client, new_worker):
    id = client.submit("first", id="mine")
    client.heard("accepted", id=id)
    client.submit("second", id="mine")
    rejected = client.heard("rejected", id="mine")
    assert rejected["code"] == "duplicate_id"
    worker = new_worker()
    worker.done(worker.job(), b'"first"')
    assert client.heard("done", id="mine")["result"] == "first"
    assert not worker.at_hand()


@pytest.mark.parametrize("id", [0, -1, 2**63 - 1, -(2**63), "", "x" * 128, "ü" * 64, "null", "\x00\"\\"])
def test_ids_of_all_kinds(new_client, new_serving, encoding, id):
    new_serving()
    client = new_client(encoding)
    client.submit("text", id=id)
    assert client.result(id) == "text"


@pytest.mark.parametrize("on_disconnect", ["keep", "cancel"])
def test_jobs_of_a_client_that_is_gone(server, new_client, new_worker, on_disconnect):
    worker = new_worker()
    client = new_client()
    running = client.submit("running", on_disconnect=on_disconnect)
    job = worker.job()
    waiting = client.submit("waiting", on_disconnect=on_disconnect)
    client.heard("accepted", id=waiting)
    client.heard("started", id=running)
    client.close()
    if on_disconnect == "cancel":
        assert worker.expect("cancel").id == job.id
        worker.done(job, b"1")
        server.wait_metric("acequia_jobs_ended_total", 2, queue="default", outcome="cancelled")
        other = new_client()
        other.submit("of another client")
        assert json.loads(worker.job().body) == "of another client"
    else:
        worker.done(job, b"1")
        second = worker.job()
        assert json.loads(second.body) == "waiting"
        worker.done(second, b"2")
        server.wait_metric("acequia_jobs_ended_total", 2, queue="default", outcome="done")


def test_limits_of_a_client(new_server, make):
    server = new_server("--client-jobs", "3")
    one, other = make(Client(server)), make(Client(server))
    ids = one.submit_many(["a", "b", "c", "d"])
    rejected = one.heard("rejected", id=ids[3])
    assert rejected["code"] == "too_many_jobs" and rejected["retry_after_ms"] > 0
    assert "3" in rejected["message"]
    other.heard("accepted", id=other.submit("mine"))
    one.cancel(ids[0])
    one.outcome(ids[0])
    one.heard("accepted", id=one.submit("e"))


def test_limits_of_all(new_server, make):
    server = new_server("--waiting-jobs", "2", "--payloads-bytes", "1000")
    client = make(Client(server))
    large = client.submit("x" * 900)
    client.heard("accepted", id=large)
    refused = client.submit("y" * 200)
    assert client.heard("rejected", id=refused)["code"] == "queue_full"
    # Half of what may wait is its own already, and the other half another's.
    rejected = client.heard("rejected", id=client.submit("a"))
    assert rejected["code"] == "queue_full" and rejected["retry_after_ms"] > 0
    assert "1 of the 2 jobs that may wait" in rejected["message"]
    other = make(Client(server))
    other.heard("accepted", id=other.submit("b"))
    third = make(Client(server))
    rejected = third.heard("rejected", id=third.submit("c"))
    assert rejected["code"] == "queue_full" and rejected["retry_after_ms"] > 0
