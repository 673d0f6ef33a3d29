"""A server with a journal is killed and started again: what was accepted comes to its end.

A client's session ends with the server, so what became of its jobs is asked by the admin calls.
"""

import base64
import json
import random
import sys
import time
import uuid
from pathlib import Path

import pytest

from harness import Client, Process, Serving, Worker, eventually

HERE = Path(__file__).parent


@pytest.fixture
def server(new_server, tmp_path):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path)


@pytest.fixture
def client(server, make):
    return make(Client(server))


def accepted(client, ids):
    """Waits until all are; returns the server's names for them."""
    return [client.heard("accepted", id=id)["job"] for id in ids]


def restart(server):
    server.kill()
    server.start_again()


def written(server):
    """Waits until nothing waits for the disk."""
    eventually(lambda: server.metric("acequia_journal_waiting_bytes") == 0, "the disk")


@pytest.mark.timeout(600)
def test_two_thousand_jobs_ten_times_over(server, admin, encoding):
    """The workers are those of ten lines and run all the time; they come back by themselves."""
    count, rng = 2000, random.Random()
    seed = rng.randrange(1 << 32)
    print(f"seed {seed}")
    rng.seed(seed)
    workers = [
        Process([sys.executable, HERE / "ten_lines.py", server.jobs, server.results], name=f"worker {n}")
        for n in range(3)
    ]
    for turn in range(5):  # of each encoding
        with Client(server, encoding) as client:
            payloads = [f"drop {turn} {n}" for n in range(count)]
            texts = payloads if encoding == "json" else [payload.encode() for payload in payloads]
            ids = [id for at in range(0, count, 100) for id in client.submit_many(texts[at:at + 100])]
            # At most: accepted, started and an outcome of each.
            instant = rng.randrange(3 * count - 100)
            client.wait(lambda events, at=instant: len(events) >= at or ended(events) == count, "the instant")
            server.kill()
            client.wait_closed()
            names = {e["id"]: e["job"] for e in client.events if e["ev"] == "accepted"}
            done = {e["id"] for e in client.events if e["ev"] == "done"}
        server.start_again()
        expected = {names[id]: payload.upper() for id, payload in zip(ids, payloads, strict=True) if id in names}
        for job, text in expected.items():
            found = admin.ended(job)
            assert (found["state"], text_of(found["result"])) == ("done", text), found
        print(f"{len(names)} accepted, {len(done)} done when it was killed")
    assert all(worker.alive for worker in workers)
    for name in ("acequia_payload_bytes", "acequia_queue_depth", "acequia_jobs_running"):
        eventually(lambda name=name: server.total(name) == 0, f"{name} 0")


def ended(events):
    """How many jobs have ended, if the last event says that one has."""
    return events and events[-1]["ev"] == "done" and sum(e["ev"] == "done" for e in events)


def text_of(result):
    return base64.b64decode(result["$base64"]).decode() if isinstance(result, dict) else result


def test_jobs_come_back_as_they_were(server, make, admin):
    """Queue, payload and its type, limits; also without a payload to speak of."""
    payloads = {
        "json": [{"a": [1, 2.5, None, "ä"]}, "text", None, 12345678901234567890, "x" * 100_000],
        "msgpack": [b"\x00\xff", {"a": b"bytes"}, b"", "text", b"y" * 100_000],
    }
    expected = {}
    for encoding, values in payloads.items():
        client = make(Client(server, encoding))
        ids = [client.submit(value, queue=f"q.{encoding}", timeout_ms=45_000, attempts=2) for value in values]
        expected |= zip(accepted(client, ids), values, strict=True)
    restart(server)
    assert server.metric("acequia_journal_recovered_jobs") == 10
    assert all(admin.job(job)["state"] == "waiting" for job in expected)
    worker = make(Worker(server, queues=["q.json", "q.msgpack"], slots=10))
    seen = {}
    for _ in expected:
        job = worker.job()
        type = job.head["type"]
        seen[uuid_of(job.id)] = (
            json.loads(job.body) if type == "application/json"
            else job.body if type == "application/octet-stream" else job.value
        )
        assert (job.head["timeout_ms"], job.head["attempt"]) == (45_000, 1)
        assert job.head["queue"] == ("q.json" if type == "application/json" else "q.msgpack")
        worker.done(job, job.body)
    assert seen == expected
    assert all(admin.ended(job)["state"] == "done" for job in expected)


def uuid_of(id):
    return str(uuid.UUID(bytes=id))


def test_the_order_of_old(server, client, make):
    """Priorities as they were, equals in the order of their arrival, the new behind the old."""
    priorities = [4, 0, 9, 4, 1, 9]
    accepted(client, [client.submit(f"{n} of {p}", priority=p) for n, p in enumerate(priorities)])
    restart(server)
    order = []
    with Client(server) as other:
        last = other.submit("new of 9", priority=9)
        other.heard("accepted", id=last)
        make(Serving(server, lambda job: order.append(json.loads(job.body)) or job.body))
        eventually(lambda: len(order) == 7, "all jobs")
    old = sorted(enumerate(priorities), key=lambda pair: -pair[1])
    assert [text for text in order if text != "new of 9"] == [f"{n} of {p}" for n, p in old]
    # Another client, so the two take turns among equals; but it passes none of a higher priority.
    assert order.index("new of 9") < order.index("0 of 4")


def test_a_delay_goes_on(server, client, make, admin):
    delay_ms, submitted = 2500, time.time()
    later, now = client.submit("later", delay_ms=delay_ms), client.submit("now")
    jobs = accepted(client, [later, now])
    restart(server)
    assert admin.job(jobs[0])["state"] == "delayed"
    ran = []
    make(Serving(server, lambda job: ran.append((json.loads(job.body), time.time())) or job.body))
    admin.ended(jobs[1])
    restart(server)
    admin.ended(jobs[0])
    assert [text for text, _ in ran] == ["now", "later"]
    assert ran[1][1] - submitted > delay_ms / 1000 - 0.01


def test_a_delay_that_passes_while_no_server_runs(server, client, make, admin):
    job, = accepted(client, [client.submit("later", delay_ms=300)])
    server.kill()
    time.sleep(0.4)  # nothing to wait for: the time itself is what has to pass
    server.start_again()
    make(Serving(server))
    assert admin.ended(job)["state"] == "done"


def test_a_time_to_live_ends_also_while_no_server_runs(server, client, make, admin):
    stale, fresh = accepted(client, [client.submit("stale", ttl_ms=300), client.submit("fresh", ttl_ms=600_000)])
    server.kill()
    time.sleep(0.4)  # as above
    server.start_again()
    ran = []
    make(Serving(server, lambda job: ran.append(json.loads(job.body)) or job.body))
    found = admin.ended(stale)
    assert (found["state"], found["code"]) == ("failed", "expired")
    assert "300 ms" in found["message"]
    assert admin.ended(fresh)["state"] == "done"
    assert ran == ["fresh"]


@pytest.mark.parametrize("restarts_after", [1, 2])
def test_attempts_go_on(server, client, make, admin, restarts_after):
    """Three runs with growing gaps in all, wherever the server is killed between them."""
    job, = accepted(client, [client.submit("text", attempts=3)])
    failed_at = []
    for attempt in range(1, 4):
        worker = make(Worker(server))
        message = worker.job()
        began = time.time()
        assert (uuid_of(message.id), message.head["attempt"]) == (job, attempt)
        if failed_at:
            # 100 to 300 ms for the first gap, twice that for the second.
            assert began - failed_at[-1] > 0.1 * 2 ** (attempt - 2) - 0.01
        failed_at.append(time.time())
        worker.fail(message, code="no_luck", message=f"try {attempt}")
        if attempt < 3:
            eventually(lambda: admin.job(job)["state"] == "delayed", "the gap")
            written(server)
        worker.close()
        if attempt == restarts_after:
            restart(server)
    found = admin.ended(job)
    assert (found["state"], found["code"], found["message"], found["attempt"]) == ("failed", "no_luck", "try 3", 3)


@pytest.mark.parametrize("restarts_after", [{1}, {2, 3}, {1, 2, 3}])
def test_a_poison_job_ends_also_across_restarts(server, client, make, admin, restarts_after):
    job, = accepted(client, [client.submit("poison")])
    for attempt in range(1, 5):
        worker = make(Worker(server))
        assert worker.job().head["attempt"] == attempt
        worker.close()
        if attempt < 4:
            eventually(lambda: admin.job(job)["state"] == "waiting", "the loss to be seen")
            written(server)
        if attempt in restarts_after:
            restart(server)
    found = admin.ended(job)
    assert (found["state"], found["code"], found["attempt"]) == ("failed", "worker_lost", 4)


def test_what_ended_does_not_come_back(server, client, make, admin):
    with Serving(server, lambda job: job.body):
        done = client.submit("done")
        client.result(done)
    cancelled = client.submit("cancelled")
    accepted(client, [cancelled])
    client.cancel(cancelled)
    client.outcome(cancelled)
    waiting, = accepted(client, [client.submit("waiting")])
    written(server)
    restart(server)
    assert server.metric("acequia_journal_recovered_jobs") == 1
    worker = make(Worker(server, slots=5))
    assert json.loads(worker.job().body) == "waiting"
    # One that is new comes next: nothing else was there.
    with Client(server) as other:
        other.submit("new")
        assert json.loads(worker.job().body) == "new"
    assert admin.job(waiting)["state"] == "running"


def test_a_job_that_nobody_wants_any_more_does_not_come_back(server, client, make, admin):
    """`on_disconnect: cancel`: the death of the server ends the session too."""
    unwanted, wanted = accepted(client, [
        client.submit("unwanted", on_disconnect="cancel"), client.submit("wanted", on_disconnect="keep"),
    ])
    restart(server)
    worker = make(Worker(server, slots=5))
    assert json.loads(worker.job().body) == "wanted"
    with Client(server) as other:
        other.submit("new")
        assert json.loads(worker.job().body) == "new"
    found = admin.job(unwanted)
    assert found is None or found["state"] == "cancelled", found
    assert admin.job(wanted)["state"] == "running"


def test_outcomes_are_kept(server, client, make, admin):
    """Each kind, word for word, over two restarts; the job itself is gone."""
    worker = make(Worker(server, slots=5))
    ids = client.submit_many(["done", "failed", "cancelled"])
    jobs = [worker.job() for _ in ids]
    names = accepted(client, ids)
    worker.done(jobs[0], b'{"a":[1,null,"\xc3\xa4"]}')
    worker.fail(jobs[1], code="no_luck", message="a pity")
    client.cancel(ids[2])
    keyed = client.submit("keyed", key="order-17")
    job = worker.job()
    worker.done(job, b'"of a key"')
    for id in (*ids, keyed):
        client.outcome(id)
    names.append(uuid_of(job.id))
    before = [admin.ended(name) for name in names]
    assert [found["state"] for found in before] == ["done", "failed", "cancelled", "done"]
    assert before[0]["result"] == {"a": [1, None, "ä"]} and before[3]["result"] == "of a key"
    assert (before[1]["code"], before[1]["message"], before[1]["attempt"]) == ("no_luck", "a pity", 1)
    assert all(abs(found["ended_ms"] / 1000 - time.time()) < 60 for found in before)
    written(server)
    for _ in range(2):
        restart(server)
        assert [admin.job(name) for name in names] == before
        assert server.metric("acequia_journal_recovered_jobs") == 0


def test_a_server_that_is_asked_to_stop_keeps_what_waits(server, client, make, admin):
    worker = make(Worker(server))
    ids = client.submit_many(list(range(10)))
    running = worker.job()
    names = accepted(client, ids)
    server.process.signal(15)
    worker.expect("bye")
    worker.done(running, running.body)
    client.heard("bye")
    assert server.process.wait() == 0
    worker.close()
    server.start_again()
    assert server.metric("acequia_journal_recovered_jobs") == 9
    assert admin.job(names[0])["state"] == "done"
    make(Serving(server))
    assert [admin.ended(name)["result"] for name in names] == list(range(10))


def test_killed_while_it_starts(server, client, admin, make):
    """Whenever that is: the jobs are there when it may start at last."""
    names = accepted(client, client.submit_many([f"drop {n}" for n in range(500)]))
    server.kill()
    rng = random.Random(1)
    for _ in range(20):
        server.launch()
        time.sleep(rng.uniform(0, 0.1))  # the instant is what is tried
        server.kill()
    server.start_again()
    assert server.metric("acequia_journal_recovered_jobs") == 500
    make(Serving(server, slots=50))
    assert {admin.ended(name)["state"] for name in names} == {"done"}


def test_jobs_of_many_lives(server, make, admin):
    """Each life of the server adds some jobs; none runs until the last one, then each does."""
    names = []
    for life in range(5):
        with Client(server) as client:
            names += accepted(client, client.submit_many([f"{life}.{n}" for n in range(50)]))
        restart(server)
        assert server.metric("acequia_journal_recovered_jobs") == len(names)
    ran = []
    make(Serving(server, lambda job: ran.append(json.loads(job.body)) or job.body))
    assert {admin.ended(name)["state"] for name in names} == {"done"}
    assert sorted(ran) == sorted(f"{life}.{n}" for life in range(5) for n in range(50))


def test_a_sync_before_each_accepted(server, client):
    assert server.metric("acequia_journal_writable") == 1
    for _ in range(10):
        before = server.metric("acequia_journal_syncs_total")
        accepted(client, [client.submit("text")])
        assert server.metric("acequia_journal_syncs_total") > before
    # What is submitted together is synced together.
    before = server.metric("acequia_journal_syncs_total")
    accepted(client, client.submit_many(list(range(1000))))
    assert 0 < server.metric("acequia_journal_syncs_total") - before < 500
