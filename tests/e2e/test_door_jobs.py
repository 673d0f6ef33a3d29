"""Clients at one door, workers at another: to both it is one server."""

import json

import pytest

from harness import Client, Serving, Worker
from harness.api import Api, Events
from harness.jobs import do_jobs
from harness.tokens import SECRET, token

MANY = 20_000
FEW = 3


def test_a_job_goes_from_one_door_to_another_and_back(doors, make, encoding):
    owner, here, there = doors
    client, worker = make(Client(here, encoding)), make(Worker(there, name="far", queues=["red"]))
    id = client.submit({"text": "hello"}, queue="red", priority=9)
    job = worker.job()
    assert (job.head["queue"], job.head["attempt"]) == ("red", 1)
    assert (job.value if encoding == "msgpack" else json.loads(job.body)) == {"text": "hello"}
    worker.progress(job, done=1, total=2)
    worker.chunk(job, job.body)
    worker.done(job, job.body)
    assert client.result(id) == {"text": "hello"}
    assert [name for name in client.names(id) if name != "accepted"] == ["started", "progress", "chunk", "done"]
    assert client.heard("started", id=id)["worker"] == "far"
    # A worker elsewhere does not matter to a client, nor a client elsewhere to a worker.
    other = make(Client(owner, encoding))
    id = other.submit("text", queue="red")
    job = worker.job()
    worker.fail(job, code="no_water", message="the well is dry")
    failed = other.outcome(id)
    assert (failed["ev"], failed["code"], failed["message"]) == ("failed", "no_water", "the well is dry")


def test_each_door_has_its_own_of_both(doors, make):
    """Everybody's jobs are done by everybody."""
    runs = {server: [] for server in doors}
    for server in doors:
        make(Serving(server, lambda job, of=runs[server]: of.append(job) or job.body, slots=4))
    doors[0].wait_workers(3)
    clients = [make(Client(server)) for server in doors]
    ids = [client.submit_many(list(range(500))) for client in clients]
    for client, ids in zip(clients, ids, strict=True):
        assert [client.result(id) for id in ids] == list(range(500))
    assert sum(map(len, runs.values())) == 1500 and all(runs.values())


def test_a_cancel_reaches_the_worker(doors, make):
    _, here, there = doors
    client, worker = make(Client(here)), make(Worker(there))
    id = client.submit("text")
    job = worker.job()
    client.cancel(id)
    assert client.outcome(id)["ev"] == "cancelled"
    assert worker.expect("cancel").id == job.id


def test_what_a_lost_worker_had_goes_to_another_door(doors, make):
    _, here, there = doors
    client, lost = make(Client(here)), make(Worker(there))
    id = client.submit("text")
    lost.job()
    worker = make(Worker(here))
    lost.close()
    again = worker.job()
    assert again.head["attempt"] == 2
    worker.done(again, again.body)
    assert client.result(id) == "text"
    assert client.heard("retrying", id=id)["code"] == "worker_lost"


def test_what_a_lost_client_wanted_follows_its_wish(doors, make):
    owner, here, there = doors
    client, worker = make(Client(here)), make(Worker(there, slots=2))
    client.submit("keep", id="keep")
    client.submit("cancel", id="cancel", on_disconnect="cancel")
    kept, job = worker.job(), worker.job()
    client.socket.socket.shutdown(2)
    assert worker.expect("cancel").id == job.id
    worker.done(kept, b'"kept"')
    owner.wait_metric("acequia_jobs_ended_total", 1, queue="default", outcome="done")


def test_topics_reach_all_doors(doors, make):
    owner, here, there = doors
    clients = [make(Client(server)) for server in doors]
    for client in clients:
        client.send({"op": "subscribe", "topic": "news"})
        client.barrier()
    worker = make(Worker(there))
    worker.publish("news", b'"by a worker"')
    assert Api(here).publish("news", b'"over HTTP"', query="?retain=true").status == 200
    assert Api(owner).publish("news", b'"at the owner"').status == 200
    for client in clients:
        told = [client.heard("message", nth=nth)["data"] for nth in (1, 2, 3)]
        assert sorted(told) == ["at the owner", "by a worker", "over HTTP"]
    # It is not for those who left, and what is kept is for those who come.
    clients[1].send({"op": "unsubscribe", "topic": "news"})
    clients[1].barrier()
    late = make(Client(here))
    late.send({"op": "subscribe", "topic": "news"})
    assert late.heard("message")["data"] == "over HTTP"
    worker.publish("news", b'"last"')
    late.heard("message", data="last")
    clients[1].barrier()
    assert not [event for event in clients[1].events if event.get("data") == "last"]


@pytest.fixture
def guarded(new_owner, new_door, tmp_path):
    """An owner and two doors whose clients have tokens."""
    (tmp_path / "secret").write_text(SECRET)
    flags = ["--client-auth", "jwt", "--jwt-secret-file", tmp_path / "secret"]
    owner = new_owner(*flags)
    return owner, new_door(owner, flags=flags), new_door(owner, flags=flags)


def with_token(server, **claims):
    return Client(server, headers={"Authorization": f"Bearer {token(**claims)}"})


def test_a_client_is_one_at_all_doors(guarded, make):
    """Its keys and batches are the same there."""
    _, here, there = guarded
    one, two, other = make(with_token(here)), make(with_token(there)), make(with_token(there, sub="bob"))
    runs = []
    first = one.submit(1, key="order", batch="night")
    job = one.accepted([first])
    assert two.accepted([two.submit(2, key="order", batch="night", id="twin")]) == job
    second = two.submit(3, batch="night")
    of_other = other.submit(4, key="order", batch="night")
    make(Serving(there, lambda job: runs.append(job.body) or job.body))
    assert (one.result(first), two.result("twin"), two.result(second), other.result(of_other)) == (1, 1, 3, 4)
    for client, jobs in ((one, 2), (two, 2), (other, 1)):
        assert client.heard("batch", batch="night")["jobs"] == jobs
    answer = Api(here, token()).submit("5", Idempotency_Key="order", Prefer="wait=10")
    assert (answer.status, answer.body) == (200, b"1")
    assert sorted(runs) == [b"1", b"3", b"4"]


def test_a_token_is_looked_at_by_the_door(guarded, make):
    _, here, there = guarded
    assert Api(here).submit("1").status == 401
    assert Api(here, token(key=None, life_s=-60)).submit("1").status == 401
    client = make(Client(there))
    client.send({"op": "hello", "token": "nonsense"})
    assert client.wait_closed() == 4401
    narrow = make(with_token(there, acequia={"queues": ["red"], "subscribe": ["mine"]}))
    assert narrow.outcome(narrow.submit(1, queue="blue"))["code"] == "forbidden"
    narrow.send({"op": "subscribe", "topic": "yours"})
    narrow.heard("error", code="forbidden")
    make(Serving(here, queues=["red"]))
    assert narrow.result(narrow.submit(1, queue="red")) == 1


def test_a_job_is_watched_at_another_door(doors, make):
    _, here, there = doors
    worker = make(Worker(there))
    name = Api(there).submit('"text"').json["job"]
    client = make(Client(here))
    client.send({"op": "watch", "id": "mine", "job": name})
    assert client.heard("accepted", id="mine")["job"] == name
    job = worker.job()
    worker.progress(job, note="half way")
    worker.done(job, b'"done"')
    assert client.result("mine") == "done"
    assert client.names("mine") == ["accepted", "started", "progress", "done"]
    stream = make(Events(Api(here), name))
    *_, (last, _, data) = iter(stream.next, None)
    assert (last, data["result"]) == ("done", "done")


def test_one_job_at_a_door_beside_twenty_thousand_at_another(new_owner, new_door, make):
    """Turns are exact, whichever doors clients and workers come to."""
    limit = ["--client-jobs", MANY]
    owner = new_owner(*limit)
    here, there = new_door(owner, flags=limit), new_door(owner, flags=limit)
    greedy = make(Client(here))
    for half in range(2):
        greedy.submit_many(list(range(half, MANY, 2)))
    greedy.wait(lambda events: len(events) >= MANY, "all to be accepted")
    modest, worker = make(Client(there)), make(Worker(there))
    for text in ("before all others", "among them", "once more"):
        modest.accepted([modest.submit(text, id=text)])
        passed = 0
        while (value := json.loads((job := worker.job()).body)) != text:
            passed += 1
            worker.done(job, job.body)
            assert isinstance(value, int) and passed <= FEW, "others go first, again and again"
        worker.done(job, job.body)
        assert modest.result(text) == text
        for _ in range(50):
            job = worker.job()
            worker.done(job, job.body)


@pytest.mark.parametrize("at_once", [1, 8])
def test_doors_come_and_go_and_jobs_are_done(doors, new_door, make, at_once):
    """A door has no state: whoever comes to a new one finds all as it was."""
    owner, here, there = doors
    client, worker = make(Client(here)), make(Worker(owner, slots=at_once))
    do_jobs(client, worker, 10, "default")
    assert there.stop() == 0
    owner.wait_links(1)
    do_jobs(client, worker, 10, "default")
    new = new_door(owner)
    owner.wait_links(2)
    do_jobs(make(Client(new)), worker, 10, "default")
