"""The link of a door breaks, and its owner lives: what its workers have goes to others, and its clients stay."""

import contextlib
import http.client

import pytest

from harness import Serving, Worker
from harness.api import Api, Events
from harness.door import address_of
from harness.jobs import do_jobs
from harness.server import quiet_port
from harness.sessions import Session, check_goes_on, resume
from harness.tcp_proxy import TO_CLIENT, TO_SERVER, Proxy, finish, reset


@pytest.fixture
def owner(new_owner):
    return new_owner()


@pytest.fixture
def way(owner, make):
    """The way of one door to the owner."""
    return make(Proxy(address_of(owner.link), quiet_port()))


@pytest.fixture
def far(way, new_door):
    """The door at its end."""
    return new_door(f"127.0.0.1:{way.port}")


@pytest.fixture
def near(owner, new_door):
    return new_door(owner)


def linked_again(door, times=1):
    """Waits until it has been so many times."""
    door.process.line(lambda line: "this door is linked" in line, of="stderr", nth=times + 1)


class Scene:
    """A client at the far door, whose job a worker there has; and another worker, that is to get it."""

    def __init__(self, owner, near, far, make):
        self.session, self.worker = make(Session(far)), make(Worker(far, name="far"))
        self.session.submit_all(["text"])
        self.job = self.worker.job()
        self.session.client.heard("started", id="text")
        self.other = make(Worker(near, name="near"))
        owner.wait_workers(2)
        self.connection = self.session.client

    def goes_on(self):
        """The other worker does the job; the first begins anew, and what it says of the job is not heard."""
        again = self.other.job()
        assert (again.id, again.head["attempt"]) == (self.job.id, 2)
        self.worker.hello()
        self.worker.send("ready", self.worker.lane, {"queues": ["far"]})
        self.worker.done(self.job, b'"by the first"')
        do_jobs(self.connection, self.worker, 1, "far")
        self.other.done(again, b'"by the other"')
        assert self.connection.result("text") == "by the other"
        self.session.check_done(["text"])
        assert self.connection.heard("retrying", id="text")["code"] == "worker_lost"
        # All that without a word of it to the client.
        assert self.connection.closed is None and self.session.client is self.connection
        assert len([event for event in self.connection.events if event["ev"] == "welcome"]) == 1


@pytest.mark.parametrize("how", [reset, finish])
def test_one_that_is_cut(owner, near, far, way, make, how):
    scene = Scene(owner, near, far, make)
    # Two connections; and there may be those that are left from calls.
    assert way.cut(how=how) >= 2
    linked_again(far)
    scene.goes_on()


class One:
    """Chance, that has it that one is cut."""

    def __init__(self):
        self._draws = iter([0])

    def random(self):
        return next(self._draws, 1)


def test_one_of_its_two_connections_is_cut(owner, near, far, way, make):
    """A link is both, or none."""
    scene = Scene(owner, near, far, make)
    assert way.cut(0.5, One()) == 1
    linked_again(far)
    scene.goes_on()


@pytest.mark.parametrize("ways", [(), (TO_SERVER,), (TO_CLIENT,)])
def test_one_that_is_silent(owner, near, far, way, make, ways):
    """Both ends notice, though nothing is closed."""
    scene = Scene(owner, near, far, make)
    way.hold(*ways)
    owner.wait_links(1)
    far.wait_linked(False)
    # As of a network that is whole again: what was under way is lost.
    way.cut()
    way.resume()
    linked_again(far)
    scene.goes_on()


def test_who_is_at_a_door_without_a_link_is_told_what_came_meanwhile(owner, near, far, way, make):
    session, worker = make(Session(far)), make(Worker(near, slots=2))
    connection = session.client
    session.submit_all(["ends meanwhile", "ends later"])
    meanwhile, later = worker.job(), worker.job()
    way.refuse()
    way.cut()
    far.wait_linked(False)
    worker.chunk(meanwhile, b'"a part"')
    worker.done(meanwhile, meanwhile.body)
    owner.wait_metric("acequia_jobs_ended_total", 1, queue="default", outcome="done")
    connection.submit("asked meanwhile", id="asked meanwhile")
    way.resume()
    assert connection.result("ends meanwhile") == "ends meanwhile"
    assert connection.heard("chunk", id="ends meanwhile")["data"] == "a part"
    worker.done(later, later.body)
    job = worker.job()
    worker.done(job, job.body)
    session.check_done(["ends meanwhile", "ends later", "asked meanwhile"])
    assert session.client is connection
    numbers = [event["seq"] for event in session.told]
    assert numbers == list(range(1, len(numbers) + 1))


def test_who_has_gone_to_another_door_meanwhile_is_not_disturbed_there(owner, near, far, way, make):
    """The network of a door is cut, to its clients as well: it still holds the connections that these have given up."""
    moved, stayed, worker = make(Session(far)), make(Session(far)), make(Worker(near))
    moved.submit_all(["runs"])
    job = worker.job()
    way.refuse()
    way.cut()
    far.wait_linked(False)
    client, welcome = resume(near, moved.secret, 1)
    assert make(client) and welcome["resumed"] is True
    way.resume()
    bye = moved.client.heard("bye")
    assert (bye["close"], moved.client.wait_closed()) == (1001, 1001)
    worker.done(job, job.body)
    assert client.result("runs") == "runs"
    check_goes_on(client, worker)
    stayed.submit_all(["stays"])
    job = worker.job()
    worker.done(job, job.body)
    stayed.check_done(["stays"])


def test_a_stream_of_jobs_over_many_cuts(owner, near, far, way, make):
    """Runs may double, outcomes do not."""
    for door in (near, far):
        make(Serving(door, slots=4))
    session, ids = make(Session(far)), []
    connection = session.client
    for turn in range(10):
        new = [f"{turn}.{nth}" for nth in range(200)]
        connection.send([{"op": "submit", "id": id, "payload": id} for id in new])
        ids += new
        connection.outcomes(len(ids) - 150)
        way.cut()
        linked_again(far, turn + 1)
    session.check_done(ids)
    assert session.client is connection


def test_a_stream_of_events_ends_with_the_link_and_goes_on_by_its_number(owner, near, far, way, make):
    worker = make(Worker(near))
    api = Api(far)
    name = api.submit("1").json["job"]
    job = worker.job()
    stream = make(Events(api, name))
    assert [stream.next()[0] for _ in range(2)] == ["accepted", "started"]
    worker.progress(job, note="one")
    event, number, _ = stream.next()
    assert event == "progress"
    way.cut()
    with contextlib.suppress(http.client.IncompleteRead):
        assert stream.next() is None
    worker.progress(job, note="two")
    worker.done(job, b"1")
    linked_again(far)
    again = make(Events(api, name, Last_Event_ID=number))
    told = [event for event, _, _ in iter(again.next, None)]
    assert told[-1] == "done"


def test_a_worker_without_an_owner_waits(owner, far, way, make):
    """It comes while there is no link, and gets what there is once there is one."""
    way.refuse()
    way.cut()
    far.wait_linked(False)
    make(Serving(far))
    name = Api(owner).submit('"text"').json["job"]
    way.resume()
    assert Api(owner).get(f"/v1/jobs/{name}/result?wait=30").body == b'"text"'
