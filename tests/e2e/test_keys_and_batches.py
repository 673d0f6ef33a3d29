"""Keys make many submits one job; batches tell when many jobs are through."""

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
