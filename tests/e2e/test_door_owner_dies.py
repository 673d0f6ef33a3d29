"""The owner is killed and another one follows it: at a door nobody has to notice."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import Client, Serving, Worker, eventually
from harness.api import Api, answer_of
from harness.door import address_of
from harness.server import quiet_port
from harness.sessions import Session, ends, numbered
from harness.tcp_proxy import TO_CLIENT, Proxy


@pytest.fixture
def owner(new_owner, tmp_path):
    return new_owner(journal=tmp_path / "jobs.redb")


@pytest.fixture
def here(owner, new_door):
    return new_door(owner)


@pytest.fixture
def there(owner, new_door):
    return new_door(owner)


def die(owner, *doors):
    owner.wait_written()
    owner.kill()
    for door in doors:
        door.wait_linked(False)


def follow(owner, doors):
    owner.start_again()
    owner.wait_links(doors)


def stays(session, connection):
    """Whether the session is on the connection that it was on, and nothing was said of another."""
    welcomes = [event for event in connection.events if event["ev"] == "welcome"]
    return session.client is connection and connection.closed is None and len(welcomes) == 1


def test_a_run_goes_on_and_its_client_stays(owner, here, there, make, encoding):
    session, worker = make(Session(here, encoding)), make(Worker(there))
    connection = session.client
    session.submit_all(["long"])
    job = worker.job()
    worker.progress(job, note="before")
    connection.heard("progress", note="before")
    die(owner, here, there)
    follow(owner, 2)
    worker.progress(job, note="after")
    connection.heard("progress", note="after")
    worker.chunk(job, job.body)
    worker.done(job, job.body)
    session.check_done(["long"])
    assert stays(session, connection)
    assert {event["attempt"] for event in connection.of("long") if event["ev"] == "started"} == {1}
    assert connection.heard("chunk", id="long")["n"] == 1
    # The worker is as it was, and gets more.
    assert not worker.at_hand()
    session.submit_all(["more"])
    job = worker.job()
    worker.done(job, job.body)
    session.check_done(["long", "more"])


def test_jobs_of_a_batch_that_ended_before_anybody_was_told_end_once(owner, new_door, make):
    """The owner has written the end of the batch. The door, which heard nothing, says the submits again."""
    way = make(Proxy(address_of(owner.link), quiet_port()))
    door = new_door(f"127.0.0.1:{way.port}")
    session, worker = make(Session(door)), make(Worker(owner, slots=2))
    way.hold(TO_CLIENT)
    submits = [{"op": "submit", "id": id, "payload": id, "batch": "pair"} for id in ("one", "two")]
    session.client.send(submits)
    for job in [worker.job(), worker.job()]:
        worker.done(job, job.body)
    owner.wait_metric("acequia_jobs_ended_total", 2, queue="default", outcome="done")
    die(owner)
    way.cut()
    way.resume()
    follow(owner, 1)
    session.check_done(["one", "two"], went_on=True)
    batches = [e for e in session.client.events if e["ev"] == "batch"]
    assert [batch["jobs"] for batch in batches] == [2]
    assert not worker.at_hand()


def test_what_a_worker_says_meanwhile_is_heard_later(owner, here, there, make):
    session, worker = make(Session(here)), make(Worker(there, slots=3))
    connection = session.client
    session.submit_all(["done", "fails", "goes on"])
    done, fails, goes_on = (worker.job() for _ in range(3))
    die(owner, here, there)
    worker.done(done, done.body)
    worker.fail(fails, code="no_luck", retry=False)
    worker.progress(goes_on, note="half way")
    follow(owner, 2)
    assert connection.result("done") == "done"
    assert connection.outcome("fails")["code"] == "no_luck"
    worker.done(goes_on, goes_on.body)
    assert connection.result("goes on") == "goes on"
    connection.barrier()
    assert sorted(ends(numbered(connection))) == ["done", "fails", "goes on"]
    assert stays(session, connection) and not worker.at_hand()


def test_what_is_said_at_the_instant_of_the_kill_is_heard_once(owner, here, there, make):
    session, worker = make(Session(here)), make(Worker(there))
    connection, ids, over = session.client, [], set()
    for nth in range(10):
        ids.append(f"job {nth}")
        session.submit_all([ids[-1]])
        while (job := worker.recv()).kind == "cancel":
            # The owner before knew its outcome, and this one does not need it.
            assert job.id in over
        assert (job.kind, json.loads(job.body)) == ("job", ids[-1]), "no other runs again"
        worker.done(job, job.body)
        over.add(job.id)
        if nth % 2:
            connection.result(ids[-1])
        owner.kill()
        follow(owner, 2)
    session.check_done(ids)
    assert stays(session, connection)


def test_a_stream_of_jobs_over_many_deaths(owner, here, there, make):
    """Each is done once, and run once by the name that it is accepted under: one that the owner took along before
    it was accepted is submitted anew."""
    runs, lock = [], threading.Lock()

    def run(job):
        with lock:
            runs.append((job.name, json.loads(job.body)))
        return job.body

    for door in (here, there):
        make(Serving(door, run, slots=4))
    session = make(Session(here))
    connection, ids = session.client, []
    for turn in range(5):
        new = [f"{turn}.{nth}" for nth in range(200)]
        connection.send([{"op": "submit", "id": id, "payload": id} for id in new])
        ids += new
        connection.outcomes(len(ids) - 150)
        owner.kill()
        follow(owner, 2)
    session.check_done(ids)
    assert stays(session, connection)
    assert len({name for name, _ in runs}) == len(runs) and {id for _, id in runs} == set(ids)
    again = len(runs) - len(ids)
    print(f"{again} jobs were submitted anew")
    assert again < len(ids) / 10


def test_what_a_client_asks_meanwhile_is_done_later(owner, here, there, make, encoding):
    session, worker = make(Session(here, encoding)), make(Worker(there))
    connection = session.client
    session.submit_all(["before", "unwanted"])
    job = worker.job()
    die(owner, here, there)
    connection.submit("meanwhile", id="meanwhile")
    connection.cancel("unwanted")
    connection.send({"op": "subscribe", "topic": "news"})
    assert connection.closed is None
    follow(owner, 2)
    assert connection.outcome("unwanted")["ev"] == "cancelled"
    connection.accepted(["meanwhile"])
    worker.done(job, job.body)
    job = worker.job()
    worker.done(job, job.body)
    worker.publish("news", b'"here"')
    assert connection.heard("message")["data"] == "here"
    session.check_done(["before", "meanwhile"])
    assert stays(session, connection)


def test_topics_keys_and_batches_go_on(owner, here, there, make):
    session, other = make(Session(here)), make(Session(there))
    for one in (session, other):
        one.client.send({"op": "subscribe", "topic": "news"})
        one.client.barrier()
    session.submit_all(["first", "second"], batch="night")
    session.submit_all(["keyed"], key="order", queue="later")
    die(owner, here, there)
    follow(owner, 2)
    assert Api(here).publish("news", b'"still here"').json == {"subscribers": 2}
    for one in (session, other):
        assert one.client.heard("message")["data"] == "still here"
    twin = session.client.submit("twin", key="order", queue="later")
    make(Serving(there, queues=["default", "later"]))
    assert session.client.result(twin) == "keyed"
    ended = session.client.heard("batch", batch="night")
    assert (ended["jobs"], ended["done"]) == (2, 2)
    session.check_done(["first", "second", "keyed"], went_on=True)


def test_what_cannot_go_on_is_told(owner, here, make):
    """Sessions that end with their owner, and those that watch what no other owner knows of."""
    plain, watching, stays_on = make(Client(here)), make(Session(here)), make(Session(here))
    name = Api(here).submit("1").json["job"]
    watching.client.send({"op": "watch", "id": "watched", "job": name})
    watching.client.heard("accepted", id="watched")
    plain.barrier()
    die(owner, here)
    follow(owner, 1)
    for client in (plain, watching.client):
        bye = client.heard("bye")
        assert (bye["close"], bye["reason"]) == (1001, "another server goes on") and 0 < bye["reconnect_in_ms"] <= 5000
        assert client.wait_closed() == 1001
    watching.resume(here)
    watching.client.send({"op": "watch", "id": "watched", "job": name})
    make(Serving(here))
    assert watching.client.result("watched") == 1
    stays_on.client.barrier()


def test_who_comes_while_there_is_no_owner(owner, here, make):
    """It is said where that is asked, and who can wait does."""
    die(owner, here)
    status, headers, text = here.get("/readyz")
    assert status == 503 and "owner" in text
    assert here.get("/healthz")[0] == 200
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(Api(here).submit, "1", Prefer="wait=30")
        worker = make(Worker(here, ready=False))
        follow(owner, 1)
        worker.ready()
        job = worker.job()
        worker.done(job, job.body)
        answer = waiting.result()
    assert (answer.status, answer.body) == (200, b"1")
    assert here.get("/readyz")[0] == 200


def test_calls_are_refused_when_no_owner_comes(owner, here, make):
    die(owner, here)
    answer = Api(here).submit("1")
    answer.refused(503, "draining")
    assert int(answer.headers["Retry-After"]) > 0
    status, _, text = here.get("/v1/admin/queues", owner.operator())
    assert status == 503 and json.loads(text)["message"], text


def test_a_call_under_way_is_answered_by_nobody_twice(owner, here, there, make):
    """Its caller is told that nobody knows, and finds its job by its key."""
    worker = make(Worker(there))
    waiting = Api(here).begin("POST", "/v1/queues/default/jobs", "1", Content_Type="application/json",
                              Idempotency_Key="order", Prefer="wait=300")
    job = worker.job()
    die(owner, here, there)
    answer = answer_of(waiting)
    assert answer.status in (502, 503) and answer.headers["Content-Type"] == "application/problem+json"
    follow(owner, 2)
    worker.done(job, b'"ran once"')
    again = Api(here).submit("2", Idempotency_Key="order", Prefer="wait=30")
    assert (again.status, again.body) == (200, b'"ran once"')
    assert again.headers["Location"] == f"/v1/jobs/{job.name}"
    assert not worker.at_hand()


def test_lanes_of_a_door_that_is_full_of_them(owner, here, make):
    """Many workers, each with what it holds."""
    count = 200
    session = make(Session(here))
    workers = [make(Worker(here, slots=2)) for _ in range(count)]
    owner.wait_workers(count)
    ids = [f"job {nth}" for nth in range(2 * count)]
    session.submit_all(ids)
    held = [(worker, worker.job()) for worker in workers for _ in range(2)]
    die(owner, here)
    follow(owner, 1)
    owner.wait_workers(count)
    eventually(lambda: owner.total("acequia_jobs_running") == 2 * count, "all runs")
    for worker, job in held:
        worker.done(job, job.body)
    session.check_done(ids)
    assert not any(worker.at_hand() for worker in workers)
