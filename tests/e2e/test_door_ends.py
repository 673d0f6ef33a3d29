"""A door is killed, stopped or held up: its clients and workers go on at another."""

import json

import pytest

from harness import Client, Serving, Worker, eventually
from harness.jobs import do_jobs
from harness.sessions import Session, check_goes_on, resume


def test_a_session_goes_on_at_another_door(doors, make, encoding):
    """With all that it missed, each once: outcomes, messages, the end of a batch."""
    owner, here, there = doors
    session, worker = make(Session(here, encoding)), make(Worker(there, slots=3))
    session.client.send({"op": "subscribe", "topic": "news"})
    session.submit_all(["before", "meanwhile", "after"], batch="night")
    before, meanwhile, after = (worker.job() for _ in range(3))
    worker.done(before, before.body)
    session.wait_told("done", ["before"])
    here.kill()
    owner.wait_links(1)
    worker.done(meanwhile, meanwhile.body)
    worker.publish("news", b'"missed by nobody"')
    owner.wait_metric("acequia_jobs_ended_total", 2, queue="default", outcome="done")
    session.resume(there)
    session.client.heard("message", topic="news")
    session.wait_told("done", ["meanwhile"])
    worker.done(after, after.body)
    assert session.client.heard("batch", batch="night")["done"] == 3
    session.check_done(["before", "meanwhile", "after"])
    told = [event for event in session.told if event["ev"] in ("message", "batch")]
    assert sorted(event["ev"] for event in told) == ["batch", "message"]
    numbers = [event["seq"] for event in session.told]
    assert numbers == list(range(1, len(numbers) + 1)), "no hole and no double"


def test_a_session_goes_from_door_to_door(doors, new_door, make):
    """Its owner does not care where it comes from."""
    owner, here, there = doors
    make(Serving(owner, slots=8))
    session, ids = make(Session(here)), []
    for turn, server in enumerate((there, owner, here, there, here, owner)):
        new = [f"{turn}.{nth}" for nth in range(50)]
        session.client.send([{"op": "submit", "id": id, "payload": id} for id in new])
        ids += new
        session.wait_told("accepted", ids)
        session.resume(server)
    session.check_done(ids)


def test_whoever_takes_over_at_another_door_has_the_session(doors, make):
    """The one that it is taken from is told, at the door where that is."""
    _, here, there = doors
    session = make(Session(here))
    first = session.client
    session.client = None
    stolen = Client(there)
    stolen.send({"op": "hello", "resume": session.secret, "last": 0})
    assert stolen.heard("welcome")["resumed"] is True
    assert first.heard("bye")["close"] == 4001
    assert first.wait_closed() == 4001
    session.client = stolen


def test_places_are_given_back(new_owner, new_door, make):
    """Of sessions that the owner ends, at whatever door they are."""
    owner = new_owner("--sessions", 5)
    here, there = new_door(owner), new_door(owner)
    session = make(Session(here))
    for turn in range(10):
        before = session.client
        taken = Client(there if turn % 2 else here)
        taken.send({"op": "hello", "resume": session.secret, "last": 0})
        assert taken.heard("welcome")["resumed"] is True
        assert before.wait_closed() == 4001
        before.close()
        session.client = taken
    eventually(lambda: owner.metric("acequia_sessions") == 1, "the end of all others")
    for _ in range(10):
        with Client(here) as client:
            client.barrier()


def test_workers_of_a_door_that_is_killed(doors, make):
    """Their jobs go to others; the doors beside it notice nothing."""
    owner, here, there = doors
    session, lost = make(Session(here)), make(Worker(there))
    session.submit_all(["text"])
    lost.job()
    worker = make(Worker(here))
    owner.wait_workers(2)
    there.kill()
    job = worker.job()
    assert job.head["attempt"] == 2
    worker.done(job, job.body)
    session.check_done(["text"])
    # It is back at its ports: stock libzmq dials again.
    there.start_again()
    lost.hello()
    lost.send("ready", lost.lane, {"queues": ["there"]})
    do_jobs(session.client, lost, 3, "there")


def test_a_door_that_stands_still(doors, make):
    """It is taken for dead; when it wakes, nobody believes what its workers say of the past."""
    owner, here, there = doors
    session, held = make(Session(here)), make(Worker(there))
    asleep, impatient = make(Session(there)), make(Session(there))
    session.submit_all(["text"])
    lost = held.job()
    worker = make(Worker(here))
    owner.wait_workers(2)
    there.pause()
    held.done(lost, b'"late"')
    owner.wait_links(1)
    again = worker.job()
    assert (again.id, again.head["attempt"]) == (lost.id, 2)
    elsewhere, welcome = resume(here, impatient.secret, 0)
    assert make(elsewhere) and welcome["resumed"] is True
    there.resume()
    owner.wait_links(2)
    held.hello()
    held.send("ready", held.lane, {"queues": ["there"]})
    do_jobs(session.client, held, 1, "there")
    worker.done(again, b'"in time"')
    assert session.client.result("text") == "in time"
    session.check_done(["text"])
    # Who has resumed elsewhere is not disturbed there; who waited at the door that slept has not noticed.
    bye = impatient.client.heard("bye")
    assert (bye["close"], impatient.client.wait_closed()) == (1001, 1001)
    check_goes_on(elsewhere, worker)
    asleep.submit_all(["more"])
    job = worker.job()
    worker.done(job, job.body)
    asleep.check_done(["more"])


def test_a_door_that_is_told_to_stop(doors, make):
    """Running jobs end there, and are told; nothing more begins. Clients are told to come back."""
    owner, here, there = doors
    session, worker = make(Session(here)), make(Worker(there, slots=1))
    at_there = make(Session(there))
    session.submit_all(["runs", "waits"])
    job = worker.job()
    there.terminate()
    assert worker.expect("bye").head["reason"]
    worker.progress(job, note="nearly")
    session.client.heard("progress", note="nearly")
    worker.done(job, job.body)
    assert session.client.result("runs") == "runs"
    bye = at_there.client.heard("bye")
    assert (bye["close"], at_there.client.wait_closed()) == (1001, 1001) and bye["reconnect_in_ms"] > 0
    assert there.process.wait() == 0
    owner.wait_links(1)
    # What waits has had no run yet, and what is asked for elsewhere is done elsewhere.
    at_there.resume(here)
    at_there.submit_all(["elsewhere"])
    make(Serving(here))
    session.check_done(["runs", "waits"])
    at_there.check_done(["elsewhere"])
    assert {e["attempt"] for e in session.client.events if e["ev"] == "started"} == {1}


def test_a_door_stops_although_a_worker_does_not(new_owner, new_door, make):
    """After its grace time; the job is another's then."""
    owner = new_owner()
    here, there = new_door(owner), new_door(owner, flags=["--grace-s", "1"])
    client, worker = make(Client(here)), make(Worker(there))
    id = client.submit("text")
    worker.job()
    assert there.stop() == 0
    make(Serving(here))
    assert client.result(id) == "text"
    assert client.heard("retrying", id=id)["code"] == "worker_lost"


def test_doors_are_replaced_one_by_one(doors, make):
    """As a new version is rolled out: each job is done once, and run once."""
    owner, *fronts = doors
    runs = []
    for front in fronts:
        make(Serving(front, lambda job: runs.append(json.loads(job.body)) or job.body, slots=4))
    owner.wait_workers(2)
    session, ids = make(Session(fronts[0])), []
    for turn in range(4):
        leaving, staying = fronts[turn % 2], fronts[1 - turn % 2]
        new = [f"{turn}.{nth}" for nth in range(200)]
        session.client.send([{"op": "submit", "id": id, "payload": id} for id in new])
        ids += new
        session.wait_told("accepted", ids)
        leaving.terminate()
        session.client.heard("bye")
        assert leaving.process.wait() == 0
        session.resume(staying)
        leaving.start_again()
        owner.wait_links(2)
        # Its workers are back.
        owner.wait_workers(2)
    session.check_done(ids)
    assert sorted(runs) == sorted(ids)


def test_a_door_that_is_told_twice_stops_at_once(doors, make):
    owner, here, there = doors
    client, worker = make(Client(here)), make(Worker(there))
    client.submit("text")
    worker.job()
    there.terminate()
    worker.expect("bye")
    there.terminate()
    there.process.wait()
    owner.wait_links(1)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_owner_that_does_not_come_back(doors, make, how):
    """A door stays, says so, and stops when it is told to."""
    owner, here, _ = doors
    plain, session = make(Client(here)), make(Session(here))
    getattr(owner, how)()
    here.wait_linked(False)
    eventually(lambda: here.get("/readyz")[0] == 503, "it to be not ready")
    # Whoever has nothing to lose need not wait for ever.
    assert plain.heard("bye")["reconnect_in_ms"] > 0
    assert plain.wait_closed() == 1001
    assert session.client.closed is None
    assert here.process.alive
    assert here.stop() == 0
    assert session.client.wait_closed() == 1001
