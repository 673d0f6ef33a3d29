"""Servers of a cluster whose clocks are hours apart: what they agree on is the time of the database."""

import uuid

import pytest

from harness import Admin, Serving, Worker
from harness.api import Api
from harness.preload import Preload
from harness.sessions import Session

HOUR_S = 3600


@pytest.fixture
def new_skewed(database, new_member, tmp_path):
    """Starts servers whose clocks are so many seconds ahead."""
    def start(ahead_s):
        folder = tmp_path / f"{ahead_s}"
        folder.mkdir()
        system = Preload(folder)
        system.set_clock(ahead_s)
        return new_member(database, "--retention-s", "600", env=system.env)

    return start


@pytest.fixture(params=[(HOUR_S, -HOUR_S), (-HOUR_S, HOUR_S)], ids=["back", "forward"])
def apart(request, new_skewed):
    """An owner, and who stands by, two hours behind or ahead of it."""
    one = new_skewed(request.param[0]).owns()
    return one, new_skewed(request.param[1]).stands_by(one)


def take_over(one, two):
    """The other owns the journal then, and the first stands by."""
    one.kill()
    two.owns()
    one.start_again()
    one.stands_by(two)


def test_numbers_of_a_session_go_up_over_takeovers(apart, make):
    one, two = apart
    session, payloads = make(Session(one)), []
    for turn in range(3):
        session.submit_all([f"{turn} waits"], queue="later")
        session.submit_all([f"{turn} ends"])
        with Worker(one) as worker:
            job = worker.job()
            worker.done(job, job.body)
            session.wait_told("done", [f"{turn} ends"])
        payloads += [f"{turn} ends", f"{turn} waits"]
        take_over(one, two)
        session.resume(two)
        one, two = two, one
    make(Serving(one, queues=["later"]))
    # That they go up is looked at there.
    session.check_done(payloads)


def test_who_is_new_gets_numbers_of_its_own(apart, make):
    """Sessions are not taken for older ones, nor are names of jobs given twice."""
    one, two = apart
    old, names = make(Session(one)), set()
    old.submit_all(["of old"], queue="nobody")
    names.add(old.client.heard("accepted", id="of old")["job"])
    take_over(one, two)
    new = make(Session(two))
    new.submit_all(["of old"], queue="nobody")
    names.add(new.client.heard("accepted", id="of old")["job"])
    old.resume(two)
    old.submit_all(["new"], queue="nobody")
    names.add(old.client.heard("accepted", id="new")["job"])
    assert len(names) == 3 and all(uuid.UUID(name).version == 7 for name in names)
    with Worker(two, slots=9, queues=["nobody"]) as worker:
        for _ in range(3):
            job = worker.job()
            worker.done(job, job.body)
        old.check_done(["of old", "new"])
        new.check_done(["of old"])


def test_delays_and_times_to_live_stay(apart, make):
    one, two = apart
    session = make(Session(one))
    client = session.client
    client.submit("late", id="late", delay_ms=HOUR_S * 1000)
    client.submit("lives", id="lives", queue="lives", ttl_ms=HOUR_S * 1000)
    client.submit("soon", id="soon", queue="soon", delay_ms=1000)
    client.submit("dies", id="dies", queue="dies", ttl_ms=1000)
    ids = ["late", "lives", "soon", "dies"]
    names = dict(zip(ids, client.accepted(ids), strict=True))
    take_over(one, two)
    session.resume(two)
    admin = make(Admin(two))
    worker = make(Worker(two, slots=4, queues=["default", "lives", "soon"]))
    assert sorted(worker.job().name for _ in range(2)) == sorted([names["lives"], names["soon"]])
    assert session.client.outcome("dies")["code"] == "expired"
    assert admin.job(names["late"])["state"] == "delayed"
    assert not worker.at_hand()


def test_what_ended_is_kept_for_as_long_as_it_is_to_be(apart, make):
    one, two = apart
    session, worker = make(Session(one)), make(Worker(one, slots=2))
    session.client.submit("done", id="done", key="order")
    done = worker.job()
    worker.done(done, b'"kept"')
    session.wait_told("done", ["done"])
    for _ in range(2):
        one.wait_written()
        take_over(one, two)
        api = Api(two)
        assert api.get(f"/v1/jobs/{done.name}").json["state"] == "done"
        session.resume(two)
        again = session.client.submit("again", key="order")
        assert session.client.outcome(again)["job"] == done.name
        one, two = two, one


def test_a_clock_that_is_ahead_takes_over_no_sooner(new_skewed, make):
    """The lease of an owner that was stopped is over when the database says so; that of one that lives never is."""
    one = new_skewed(-HOUR_S).owns()
    two = new_skewed(HOUR_S).stands_by(one)
    session = make(Session(one))
    # Each is a renewal of the lease, and looks of the other between them.
    before = one.metric("acequia_cluster_epoch")
    session.submit_all([str(nth) for nth in range(100)])
    one.worker()
    session.check_done([str(nth) for nth in range(100)])
    assert one.metric("acequia_cluster_epoch") == before
    assert two.process.stdout == [two.line_of("standby", one.url)]
    one.pause()
    two.owns()
    one.resume()
    one.stands_by(two)
    session.client.wait_closed()
