"""Keys make many submits one job; batches tell when many jobs are through."""

import pytest

from harness import Admin, Client, Serving, Worker

FIELDS = {"batch", "jobs", "done", "failed", "cancelled", "elapsed_ms"}


def test_a_key_twice_runs_once(new_client, new_worker, server, encoding):
    client = new_client(encoding)
    first = client.submit("a", key="order-17")
    worker = new_worker()
    job = worker.job()
    client.heard("started", id=first)
    second = client.submit("a", key="order-17")
    client.heard("started", id=second)
    worker.progress(job, note="half way")
    worker.done(job, job.body)
    result = job.value if encoding == "msgpack" else "a"
    assert client.result(first) == client.result(second) == result
    assert {e["job"] for e in client.of(first) + client.of(second)} == {client.of(first)[0]["job"]}
    assert client.names(second) == ["accepted", "started", "progress", "done"]
    # And once more, when it is over.
    third = client.submit("a", key="order-17")
    assert client.result(third) == result
    assert client.names(third) == ["done"]
    assert not worker.at_hand()
    assert server.metric("acequia_jobs_submitted_total", queue="default") == 1


def test_a_cancel_takes_one_id_away_and_the_last_the_job(client, new_worker):
    worker = new_worker()
    first, second = client.submit("a", key="k"), client.submit("a", key="k")
    job = worker.job()
    client.cancel(first)
    assert client.outcome(first)["ev"] == "cancelled"
    client.barrier()
    assert not worker.at_hand()
    client.cancel(second)
    assert client.outcome(second)["ev"] == "cancelled"
    assert worker.expect("cancel").id == job.id


def test_a_batch_ends_with_its_last_job(new_client, new_serving, encoding):
    client = new_client(encoding)
    new_serving()
    ids = client.submit_many(list(range(20)), batch="night")
    for id in ids:
        client.result(id)
    end = client.heard("batch", batch="night")
    assert FIELDS <= end.keys()
    counts = [end[key] for key in ("jobs", "done", "failed", "cancelled")]
    assert counts == [20, 20, 0, 0]
    assert 0 <= end["elapsed_ms"] < 60_000
    # It comes after the last outcome, and once.
    client.barrier()
    names = [e["ev"] for e in client.events if e["ev"] in ("done", "batch")]
    assert names == ["done"] * 20 + ["batch"]


def test_a_batch_counts_each_end(client, new_worker):
    worker = new_worker()
    done, failed, cancelled = client.submit_many(["a", "b", "c"], batch="mixed")
    # One op in the same array that is refused would not be counted either.
    client.send([{"op": "submit", "id": "bad", "payload": 1, "batch": "mixed", "priority": 10}])
    assert client.outcome("bad")["ev"] == "rejected"
    job = worker.job()
    worker.done(job, job.body)
    client.result(done)
    worker.fail(worker.job(), code="no")
    client.outcome(failed)
    assert not any(event["ev"] == "batch" for event in client.events)
    worker.job()
    client.cancel(cancelled)
    end = client.heard("batch", batch="mixed")
    assert [end[key] for key in ("jobs", "done", "failed", "cancelled")] == [3, 1, 1, 1]


@pytest.mark.not_at_door("the connection of its client outlives the server")
def test_a_batch_goes_on_over_a_restart(new_server, make, tmp_path):
    """Some of its jobs ended before the server was killed, all those of one of its sessions."""
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path)
    client = make(Client(server))
    client.send({"op": "hello", "resume": True})
    secret = client.heard("welcome")["session"]
    ids = client.submit_many(list(range(6)), batch="night")
    client.accepted(ids)
    worker = make(Worker(server, slots=3))
    for outcome in ("done", "fail", "done"):
        job = worker.job()
        worker.done(job, job.body) if outcome == "done" else worker.fail(job, message="dry")
    client.wait(lambda events: sum(e["ev"] in ("done", "failed") for e in events) == 3, "three outcomes")
    server.wait_written()
    server.kill()
    client.wait_closed()
    worker.close()
    last = max(event.get("seq", 0) for event in client.events)

    server.start_again()
    client = make(Client(server))
    client.send({"op": "hello", "resume": secret, "last": last})
    assert client.heard("welcome")["resumed"] is True
    make(Serving(server))
    end = client.heard("batch", batch="night")
    assert [end[key] for key in ("jobs", "done", "failed", "cancelled")] == [6, 5, 1, 0]


def test_what_has_begun_does_not_expire_after_a_restart(new_server, make, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path)
    client, worker = make(Client(server)), make(Worker(server))
    begun = client.submit("begun", ttl_ms=1000)
    worker.job()
    client.heard("started", id=begun)
    never = client.submit("never", ttl_ms=1000)
    job = client.heard("accepted", id=begun)["job"]
    assert client.outcome(never)["code"] == "expired"
    server.kill()
    worker.close()
    server.start_again()
    make(Serving(server))
    assert make(Admin(server)).ended(job)["state"] == "done"
