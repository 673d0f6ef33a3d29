"""An owner that was stopped, or cut off from PostgreSQL, until another had taken over: it tells nobody anything."""

import http.client
import json

import pytest

from harness import Client, Worker, eventually
from harness.api import Api, answer_of
from harness.postgres_proxy import PostgresProxy
from harness.sessions import Session

# What nobody may hear of a server that is not the owner any more.
OF_A_JOB = {"accepted", "started", "progress", "chunk", "retrying", "done", "failed", "cancelled", "rejected"}


class Scene:
    """A server with clients and a worker, in the midst of work; and another that stands by."""

    def __init__(self, one, two, make):
        self.one, self.two, self._make = one, two, make
        self.session, self.client = make(Session(one)), make(Client(one))
        self.worker = make(Worker(one, slots=4))
        self.session.submit_all(["ends", "goes on", "is cancelled"])
        self.client.submit("of nobody", id="of nobody", attempts=2)
        self.jobs = {json.loads(job.body): job for job in (self.worker.job() for _ in range(4))}
        self.session.submit_all(["waits"])
        self.client.send({"op": "subscribe", "topic": "news"})
        self.client.barrier()
        self.session.client.barrier()
        self.before = self.heard()

    def heard(self):
        return [list(client.events) for client in (self.session.client, self.client)]

    def speak(self):
        """All say something, and there is nobody who listens."""
        jobs, worker = self.jobs, self.worker
        worker.done(jobs["ends"], b'"told by the first"')
        worker.progress(jobs["goes on"], note="half")
        worker.chunk(jobs["goes on"], b'"a part"')
        worker.fail(jobs["of nobody"], code="no_luck")
        worker.publish("news", b'"of the first"', type="application/json")
        self.session.client.submit("new", id="new")
        self.session.client.cancel("is cancelled")
        self.client.submit("new, of nobody", id="new, of nobody")

    def nobody_has_heard_more(self):
        """The connections are over, without a word of anything."""
        for client in (self.session.client, self.client):
            client.wait_closed()
        for heard, before in zip(self.heard(), self.before, strict=True):
            more = heard[len(before):]
            assert [event["ev"] for event in more if event["ev"] != "bye"] == [], more

    def goes_on_at(self, server):
        """The jobs that were accepted come to their end there, each once; what was said to the first is forgotten."""
        session = self.session
        session.resume(server)
        with Worker(server, slots=9) as worker:
            jobs = {json.loads(job.body): job for job in (worker.job() for _ in range(5))}
            assert jobs.keys() == {"ends", "goes on", "is cancelled", "of nobody", "waits"}
            for job in jobs.values():
                worker.done(job, job.body)
            session.check_done(["ends", "goes on", "is cancelled", "waits"])
            results = {event["id"]: event["result"] for event in session.told if event["ev"] == "done"}
            assert all(id == result for id, result in results.items()), results
            assert not worker.at_hand()


def test_a_server_that_was_stopped_and_wakes(pair, make):
    one, two = pair
    scene = Scene(one, two, make)
    one.pause()
    two.owns()
    scene.speak()
    one.resume()
    scene.nobody_has_heard_more()
    one.stands_by(two)
    assert one.readyz() == (503, f"standby: the owner is {two.url}\n")
    assert one.metric("acequia_cluster_fenced_writes_total") == 1
    assert (one.metric("acequia_cluster_owner"), two.metric("acequia_cluster_owner")) == (0, 1)
    scene.goes_on_at(two)

    # It is as good as any other.
    two.kill()
    one.owns()
    assert one.metric("acequia_cluster_takeovers_total") == 2
    assert one.metric("acequia_cluster_epoch") == 3
    scene.session.resume(one)
    one.worker()
    scene.session.submit_all(["once more"])
    scene.session.check_done(["once more"])


def test_a_server_that_wakes_while_nobody_says_anything(pair, make):
    one, two = pair
    clients = [make(Session(one)).client, make(Client(one))]
    worker = make(Worker(one))
    before = [list(client.events) for client in clients]
    one.pause()
    two.owns()
    one.resume()
    for client, heard in zip(clients, before, strict=True):
        client.wait_closed()
        assert [event for event in client.events[len(heard):] if event["ev"] != "bye"] == []
    one.stands_by(two)
    assert not worker.at_hand() or worker.recv().kind == "bye"


def test_what_is_asked_of_a_stopped_server_is_not_taken(pair):
    """Requests lie at its port, some with their head only, until it wakes."""
    one, two = pair
    api = Api(one)
    assert api.submit("1").status == 202
    one.pause()
    two.owns()
    path = "/v1/queues/default/jobs"
    asked = [api.begin("POST", path, "2", Content_Type="application/json") for _ in range(20)]
    asked.append(api.begin("POST", path, "2", Content_Type="application/json", Prefer="wait=10"))
    one.resume()
    for each in asked:
        try:
            answer = answer_of(each)
        except (OSError, http.client.HTTPException):
            continue  # it has hung up
        assert answer.status >= 400, answer
    one.stands_by(two)
    # The one that was taken before is all that there is.
    with Worker(two, slots=50) as worker:
        assert worker.job().body == b"1"
        assert Api(two).submit('"behind it"').status == 202
        assert worker.job().body == b'"behind it"'


def test_a_server_that_is_stopped_time_and_again(pair, make):
    """Two servers take turns, and each of them is stopped in the midst of work."""
    one, two = pair
    session, payloads = make(Session(one)), []
    for member in pair:
        member.worker()
    for turn in range(3):
        new = [f"{turn}.{nth}" for nth in range(100)]
        session.submit_all(new)
        payloads += new
        session.client.outcomes(10)
        one.pause()
        two.owns()
        one.resume()
        session.client.wait_closed()
        one.stands_by(two)
        session.resume(two)
        one, two = two, one
    session.check_done(payloads)


def black_hole(proxy):
    """Nothing comes through any more, and nothing ends."""
    proxy.hold()


def refuse(proxy):
    proxy.refuse()
    proxy.cut()


@pytest.mark.parametrize("cut_off", [black_hole, refuse])
def test_a_server_that_is_cut_off_from_postgresql(postgres, database, new_member, make, cut_off):
    name = database.rpartition("/")[2]
    proxy = make(PostgresProxy(postgres))
    one = new_member(postgres.url(database=name, port=proxy.port)).owns()
    two = new_member(database).stands_by(one)
    scene = Scene(one, two, make)
    cut_off(proxy)
    scene.worker.done(scene.jobs["ends"], b'"told by the first"')
    eventually(lambda: one.total("acequia_jobs_ended_total") == 1, "its end")
    two.owns()

    # It cannot know. It takes nothing new, and holds back what is to be known for good.
    one.wait_readyz(503, "storage")
    rejected = Api(one).submit("1").refused(503, "storage")
    assert rejected["retry_after_ms"] > 0
    late = scene.client.submit("too late")
    rejected = scene.client.outcome(late)
    assert (rejected["ev"], rejected["code"]) == ("rejected", "storage")
    scene.before = scene.heard()
    assert not [event for event in scene.session.client.events if event["ev"] == "done"]

    # Meanwhile the other does the work.
    session = scene.session
    scene.goes_on_at(two)
    assert session.client.closed is None
    told = len(session.told)
    proxy.resume()
    scene.client.wait_closed()
    one.stands_by(two)
    assert len(session.told) == told
    more = scene.client.events[len(scene.before[1]):]
    assert not [event for event in more if event["ev"] in OF_A_JOB], more
    assert one.metric("acequia_cluster_fenced_writes_total") == 1

    two.kill()
    one.owns()
    session.resume(one)
    one.worker()
    session.submit_all(["once more"])
    session.check_done(["once more"])
