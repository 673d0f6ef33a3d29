"""Jobs that failed are kept, with all that it takes to run them again, until somebody decides."""

import json
import random
from collections import Counter

import pytest

from harness import Admin, Client, Serving, Worker, eventually, is_alike

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"
QUEUES = ["red", "blue", "default"]


@pytest.fixture
def server(new_server, tmp_path):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path)


@pytest.fixture
def client(server, make):
    return make(Client(server))


@pytest.fixture
def worker(server, make):
    return make(Worker(server, queues=QUEUES, slots=1000))


def fail(client, worker, payloads, **fields):
    """Has jobs fail, one after another; returns their names."""
    names = []
    for payload in payloads:
        id = client.submit(payload, **fields)
        client.heard("accepted", id=id)
        job = worker.job()
        worker.fail(job, code="no_luck", message=f"pity for {payload}", retry=False)
        assert client.outcome(id)["ev"] == "failed"
        names.append(job.name)
    return names


def letters(admin, **query):
    return [letter["job"] for letter in admin.dead_letters(**query)[0]]


def test_what_is_told_of_one(server, client, worker, admin):
    id = client.submit({"a": 1}, id="mine", queue="red", priority=7, key="order-17", batch="night", attempts=2)
    client.heard("accepted", id=id)
    worker.fail(worker.job(), code="no_luck", message="first")
    job = worker.job()
    worker.fail(job, code="no_luck", message="second")
    client.outcome(id)
    (letter,), following = admin.dead_letters()
    assert following is None
    assert letter["job"] == job.name == client.of(id)[0]["job"]
    expected = {"id": "mine", "queue": "red", "priority": 7, "key": "order-17", "batch": "night", "code": "no_luck",
                "message": "second", "attempt": 2, "type": "application/json"}
    assert {key: letter[key] for key in expected} == expected
    assert letter["submitted_ms"] <= letter["failed_ms"]
    assert "payload" not in letter
    status, whole = admin.call("GET", f"dead-letters/{letter['job']}")
    assert status == 200 and whole.pop("payload") == {"a": 1} and whole == letter
    assert server.metric("acequia_dead_letters", queue="red") == 1


def test_which_jobs_become_one(client, worker, admin, server):
    """All that failed, for whatever reason; none that is done or was cancelled."""
    done, cancelled = client.submit_many(["done", "cancelled"])
    worker.done(worker.job(), b"1")
    client.result(done)
    worker.job()
    client.cancel(cancelled)
    client.outcome(cancelled)
    worker.expect("cancel")
    client.outcome(client.submit("expired", queue="nobody", ttl_ms=50))
    timed_out = client.submit("timed out", timeout_ms=50)
    worker.job()
    client.outcome(timed_out)
    worker.expect("cancel")
    bad = client.submit("bad")
    worker.done(worker.job(), b"no JSON")
    client.outcome(bad)
    codes = {letter["code"] for letter in admin.dead_letters()[0]}
    assert codes == {"expired", "timeout", "bad_result"}
    assert server.total("acequia_dead_letters") == 3


def test_pages(client, worker, admin):
    names = fail(client, worker, range(25))
    red = fail(client, worker, range(5), queue="red")
    assert letters(admin) == names + red  # the oldest first
    assert letters(admin, queue="red") == red
    assert letters(admin, queue="default") == names
    assert letters(admin, queue="blue") == letters(admin, queue="never.heard.of") == []
    for queue in (None, "default"):
        expected, pages, after = letters(admin, queue=queue), [], None
        while True:
            page, after = admin.dead_letters(queue=queue, limit=10, after=after)
            pages.append([letter["job"] for letter in page])
            if after is None:
                break
            # What leaves meanwhile does not disturb who pages.
            admin.call("DELETE", f"dead-letters/{pages[-1][-1]}")
        assert sum(pages, []) == expected
        assert [len(page) for page in pages[:-1]] == [10] * (len(pages) - 1)
        assert len(pages) == 3


@pytest.mark.parametrize("limit, count", [(1, 1), (30, 30), (1000, 120), (None, 100)])
def test_limits_of_a_page(client, worker, admin, limit, count):
    ids = client.submit_many(list(range(120)))
    for _ in ids:
        worker.fail(worker.job(), retry=False)
    client.outcomes(120)
    page, after = admin.dead_letters(limit=limit)
    assert len(page) == count and (after is None) == (count == 120)


def test_one_is_redriven(client, worker, admin, server):
    old, = fail(client, worker, ["text"], queue="red", priority=9, attempts=2, timeout_ms=60_000)
    status, said = admin.call("POST", f"dead-letters/{old}/redrive")
    assert status == 200 and said["redriven"] == 1
    job = worker.job()
    assert said["job"] == job.name != old
    # As its client described it, from the first attempt on.
    assert (json.loads(job.body), job.head["queue"], job.head["attempt"]) == ("text", "red", 1)
    assert job.head["timeout_ms"] == 60_000
    worker.fail(job, message="once more")
    assert admin.job(said["job"])["state"] in ("delayed", "waiting", "running")
    again = worker.job()
    assert (again.id, again.head["attempt"]) == (job.id, 2)
    worker.done(again, b'"at last"')
    assert admin.ended(said["job"])["result"] == "at last"
    # What was is still what was, and the client hears of it no more.
    assert admin.job(old)["state"] == "failed"
    assert letters(admin) == [] and server.total("acequia_dead_letters") == 0
    client.barrier()
    assert not [event for event in client.events if event.get("job") == said["job"]]


def test_one_that_fails_again_is_a_new_one(client, worker, admin):
    old, = fail(client, worker, ["text"])
    _, said = admin.call("POST", f"dead-letters/{old}/redrive")
    worker.fail(worker.job(), code="no_luck", retry=False)
    admin.ended(said["job"])
    assert letters(admin) == [said["job"]]


@pytest.mark.parametrize("queue", [None, "red"])
def test_all_are_redriven(client, worker, admin, queue):
    default, red = fail(client, worker, range(5)), fail(client, worker, range(5, 10), queue="red")
    status, said = admin.call("POST", "dead-letters/redrive", queue=queue)
    count = 5 if queue else 10
    assert status == 200 and (said["redriven"], said["left"]) == (count, 0)
    jobs = [worker.job() for _ in range(count)]
    assert sorted(json.loads(job.body) for job in jobs) == list(range(5 if queue else 0, 10))
    assert not {job.name for job in jobs} & {*default, *red}
    for job in jobs:
        worker.done(job, job.body)
        assert admin.ended(job.name)["state"] == "done"
    assert letters(admin) == (default if queue else [])


def test_dropped(client, worker, admin, server):
    names = fail(client, worker, range(5))
    red = fail(client, worker, range(3), queue="red")
    assert admin.call("DELETE", f"dead-letters/{names[2]}") == (200, {"dropped": 1})
    assert letters(admin) == names[:2] + names[3:] + red
    assert admin.call("DELETE", "dead-letters", queue="red") == (200, {"dropped": 3})
    assert admin.call("DELETE", "dead-letters", queue="red") == (200, {"dropped": 0})
    assert admin.call("DELETE", "dead-letters") == (200, {"dropped": 4})
    assert letters(admin) == [] and server.total("acequia_dead_letters") == 0
    server.wait_written()
    server.crash()
    assert letters(admin) == []
    # The outcome is another matter.
    assert all(admin.job(job)["state"] == "failed" for job in (*names, *red))


def test_its_key_is_that_of_the_new_job(client, worker, admin):
    old, = fail(client, worker, ["text"], key="order-17")
    _, said = admin.call("POST", f"dead-letters/{old}/redrive")
    job = worker.job()
    watching = client.submit("text", key="order-17")
    assert client.heard("accepted", id=watching)["job"] == said["job"] == job.name
    worker.done(job, b'"at last"')
    assert client.result(watching) == "at last"


def test_there_is_one_job_of_a_key(new_server, make):
    """Its client has submitted it anew, once the failure was forgotten: that is the job of the key."""
    server = new_server("--retention-s", "1")
    client, worker, admin = make(Client(server)), make(Worker(server)), make(Admin(server))
    old, = fail(client, worker, ["text"], key="order-17")
    eventually(lambda: admin.job(old) is None, "the outcome to be forgotten")
    id = client.submit("text", key="order-17")
    job = worker.job()
    live = client.heard("accepted", id=id)["job"]
    status, said = admin.call("POST", f"dead-letters/{old}/redrive")
    assert (status, said["code"]) == (409, "duplicate_id") and live in said["message"]
    assert admin.call("POST", "dead-letters/redrive") == (200, {"redriven": 0, "left": 1})
    assert letters(admin) == [old]
    worker.done(job, job.body)
    client.result(id)


@pytest.mark.parametrize("method, path, status, code", [
    ("GET", "dead-letters?limit=0", 400, "bad_request"),
    ("GET", "dead-letters?limit=1001", 400, "bad_request"),
    ("GET", "dead-letters?limit=-1", 400, "bad_request"),
    ("GET", "dead-letters?limit=many", 400, "bad_request"),
    ("GET", "dead-letters?after=x", 400, "bad_request"),
    ("GET", "dead-letters?queue=a%20b", 400, "bad_request"),
    ("GET", "dead-letters?queue=", 400, "bad_request"),
    ("GET", "dead-letters?colour=red", 400, "bad_request"),
    ("DELETE", "dead-letters?colour=red", 400, "bad_request"),
    ("DELETE", "dead-letters?queue=a%20b", 400, "bad_request"),
    ("DELETE", "dead-letters?limit=1", 400, "bad_request"),
    ("POST", "dead-letters/redrive?qeue=red", 400, "bad_request"),
    ("POST", "dead-letters/nonsense/redrive", 400, "bad_request"),
    ("DELETE", "dead-letters/nonsense", 400, "bad_request"),
    ("GET", f"dead-letters/{UNKNOWN}", 404, "not_found"),
    ("DELETE", f"dead-letters/{UNKNOWN}", 404, "not_found"),
    ("POST", f"dead-letters/{UNKNOWN}/redrive", 404, "not_found"),
    ("GET", "dead-letters/redrive", 405, "bad_request"),
    ("POST", "dead-letters", 405, "bad_request"),
    ("GET", "nothing", 404, "not_found"),
])
def test_bad_calls_change_nothing(client, worker, admin, method, path, status, code):
    """Above all, a misspelled `queue` does not mean all queues."""
    names = fail(client, worker, ["text"])
    found, body = admin.call(method, path)
    assert (found, body["code"]) == (status, code) and body["message"], body
    assert letters(admin) == names


@pytest.mark.not_at_door("its worker outlives the server, and gets the job that another is to get")
def test_kept_across_a_crash(server, client, worker, admin):
    """Word for word, in their order; and what is redriven then runs as ever."""
    names = fail(client, worker, [{"a": [1, None]}, "text"], queue="red", priority=2, attempts=3)
    names += fail(client, worker, ["other"], batch="night", timeout_ms=45_000)
    server.wait_written()
    before = admin.dead_letters()
    assert [letter["job"] for letter in before[0]] == names
    whole = [admin.call("GET", f"dead-letters/{name}") for name in names]
    for _ in range(2):
        server.crash()
        assert is_alike(admin.dead_letters(), before)
        assert is_alike([admin.call("GET", f"dead-letters/{name}") for name in names], whole)
        assert server.total("acequia_dead_letters") == 3
        assert server.metric("acequia_journal_recovered_jobs") == 0
    worker = Worker(server, queues=QUEUES, slots=10)
    _, said = admin.call("POST", f"dead-letters/{names[2]}/redrive")
    job = worker.job()
    assert (job.name, json.loads(job.body), job.head["timeout_ms"]) == (said["job"], "other", 45_000)
    worker.done(job, job.body)
    admin.ended(said["job"])
    worker.close()
    server.wait_written()
    server.crash()
    assert letters(admin) == names[:2]


def test_redriven_and_killed(server, client, worker, admin):
    """At any instant, each is either a dead letter or a job that runs, never both and never none."""
    count, rng = 40, random.Random(7)
    fail(client, worker, range(count))
    server.wait_written()
    worker.close()
    for _ in range(10):
        for name in letters(admin)[:4]:
            admin.call("POST", f"dead-letters/{name}/redrive")
            if rng.random() < 0.3:
                server.wait_written()
        server.crash()
        left = len(letters(admin))
        assert left + server.metric("acequia_journal_recovered_jobs") == count
    ran = Counter()
    with Serving(server, lambda job: ran.update([json.loads(job.body)]) or job.body, slots=100):
        admin.call("POST", "dead-letters/redrive")
        eventually(lambda: server.total("acequia_queue_depth") + server.total("acequia_jobs_running") == 0, "all runs")
    assert ran == Counter(range(count))
