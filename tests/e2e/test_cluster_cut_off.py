"""An owner that is cut off from PostgreSQL until another has taken over: it cannot know, and promises nothing."""

import pytest

from harness import Worker, eventually
from harness.api import Api
from harness.sessions import Session
from harness.tcp_proxy import TO_CLIENT
from harness.zombie import Zombie

# What nobody may hear of a server that is not the owner any more.
OF_A_JOB = {"accepted", "started", "progress", "chunk", "retrying", "done", "failed", "cancelled", "rejected"}


def black_hole(proxy):
    """Nothing comes through any more, and nothing ends."""
    proxy.hold()


def refuse(proxy):
    proxy.refuse()
    proxy.cut()


@pytest.mark.parametrize("cut_off", [black_hole, refuse])
def test_a_server_that_is_cut_off_from_postgresql(behind_proxy, make, cut_off):
    proxy, one, two = behind_proxy
    scene = Zombie(one, make)
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


def test_an_end_that_is_written_and_not_known_is_told_by_the_next(behind_proxy, postgres, database, make):
    """What the server says to PostgreSQL arrives, and no answer comes back."""
    proxy, one, two = behind_proxy
    session, worker = make(Session(one)), make(Worker(one))
    session.submit_all(["ends"])
    job = worker.job()
    one.wait_written()
    proxy.hold(TO_CLIENT)
    worker.done(job, b'"told once"')
    jobs = "SELECT count(*) FROM acequia.jobs"
    eventually(lambda: postgres.psql(jobs, database=database.rpartition("/")[2]) == [(0,)], "its end to be written")
    two.owns()
    assert not [event for event in session.told if event["ev"] == "done"]
    session.resume(two)
    assert session.client.result("ends") == "told once"
    proxy.resume()
    one.stands_by(two)
    with Worker(two) as worker:
        session.submit_all(["next"])
        job = worker.job()
        assert job.body == b'"next"', "the other does not run again"
        worker.done(job, job.body)
        session.check_done(["ends", "next"])
