"""A server with a journal is killed and started again: what was accepted comes to its end.

A client's session ends with the server, so what became of its jobs is asked by the admin calls.
"""

import base64
import json
import random
import sys
import time
from pathlib import Path

import pytest

from harness import Admin, Client, Process, Serving, Worker, eventually, is_alike

HERE = Path(__file__).parent


@pytest.fixture
def server(new_server, tmp_path):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path)


@pytest.fixture
def client(server, make):
    return make(Client(server))


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
        expected |= zip(client.accepted(ids), values, strict=True)
    server.crash()
    assert server.metric("acequia_journal_recovered_jobs") == 10
    assert all(admin.job(job)["state"] == "waiting" for job in expected)
    worker = make(Worker(server, queues=["q.json", "q.msgpack"], slots=10))
    seen = {}
    for _ in expected:
        job = worker.job()
        type = job.head["type"]
        seen[job.name] = (
            json.loads(job.body) if type == "application/json"
            else job.body if type == "application/octet-stream" else job.value
        )
        assert (job.head["timeout_ms"], job.head["attempt"]) == (45_000, 1)
        assert job.head["queue"] == ("q.json" if type == "application/json" else "q.msgpack")
        worker.done(job, job.body)
    assert seen == expected
    assert all(admin.ended(job)["state"] == "done" for job in expected)


def test_the_order_of_old(server, client, make):
    """Priorities as they were, equals in the order of their arrival, the new behind the old."""
    priorities = [4, 0, 9, 4, 1, 9]
    client.accepted([client.submit(f"{n} of {p}", priority=p) for n, p in enumerate(priorities)])
    server.crash()
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


def test_what_ended_does_not_come_back(server, client, make, admin):
    with Serving(server, lambda job: job.body):
        done = client.submit("done")
        client.result(done)
    cancelled = client.submit("cancelled")
    client.accepted([cancelled])
    client.cancel(cancelled)
    client.outcome(cancelled)
    waiting, = client.accepted([client.submit("waiting")])
    server.wait_written()
    server.crash()
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
    unwanted, wanted = client.accepted([
        client.submit("unwanted", on_disconnect="cancel"), client.submit("wanted", on_disconnect="keep"),
    ])
    server.crash()
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
    names = client.accepted(ids)
    worker.done(jobs[0], b'{"a":[1,null,"\xc3\xa4"]}')
    worker.fail(jobs[1], code="no_luck", message="a pity")
    client.cancel(ids[2])
    worker.expect("cancel")
    keyed = client.submit("keyed", key="order-17")
    job = worker.job()
    worker.done(job, b'"of a key"')
    for id in (*ids, keyed):
        client.outcome(id)
    names.append(job.name)
    before = [admin.ended(name) for name in names]
    assert [found["state"] for found in before] == ["done", "failed", "cancelled", "done"]
    assert before[0]["result"] == {"a": [1, None, "ä"]} and before[3]["result"] == "of a key"
    assert (before[1]["code"], before[1]["message"], before[1]["attempt"]) == ("no_luck", "a pity", 1)
    assert all(abs(found["ended_ms"] / 1000 - time.time()) < 60 for found in before)
    server.wait_written()
    for _ in range(2):
        server.crash()
        assert is_alike([admin.job(name) for name in names], before)
        assert server.metric("acequia_journal_recovered_jobs") == 0


def test_outcomes_leave_with_time_also_while_no_server_runs(new_server, make, tmp_path):
    server = new_server("--retention-s", "2", quiet_ports=True, journal=tmp_path / "other.redb")
    client, admin = make(Client(server)), make(Admin(server))
    with Serving(server):
        id = client.submit("text", key="k")  # with a key, it is kept also if it ends at once
        assert client.result(id) == "text"
    name = client.of(id)[0]["job"]
    server.wait_written()
    server.crash()
    assert admin.job(name)["state"] == "done"
    server.kill()
    time.sleep(2.1)  # nothing to wait for: the time itself is what has to pass
    server.start_again()
    assert admin.job(name) is None


def test_a_server_that_is_asked_to_stop_keeps_what_waits(server, client, make, admin):
    worker = make(Worker(server))
    ids = client.submit_many(list(range(10)))
    running = worker.job()
    names = client.accepted(ids)
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
    names = client.accepted(client.submit_many([f"drop {n}" for n in range(500)]))
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
            names += client.accepted(client.submit_many([f"{life}.{n}" for n in range(50)]))
        server.crash()
        assert server.metric("acequia_journal_recovered_jobs") == len(names)
    ran = []
    make(Serving(server, lambda job: ran.append(json.loads(job.body)) or job.body))
    assert {admin.ended(name)["state"] for name in names} == {"done"}
    assert sorted(ran) == sorted(f"{life}.{n}" for life in range(5) for n in range(50))


def test_a_sync_before_each_accepted(server, client):
    assert server.metric("acequia_journal_writable") == 1
    for _ in range(10):
        before = server.metric("acequia_journal_syncs_total")
        client.accepted([client.submit("text")])
        assert server.metric("acequia_journal_syncs_total") > before
    # What is submitted together is synced together.
    before = server.metric("acequia_journal_syncs_total")
    client.accepted(client.submit_many(list(range(1000))))
    assert 0 < server.metric("acequia_journal_syncs_total") - before < 500
