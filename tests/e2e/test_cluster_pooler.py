"""Between the servers of a cluster and PostgreSQL is a pooler, which lends connections for a transaction."""

from collections import Counter
from itertools import count

import pytest

from harness import Serving, Worker
from harness.pgbouncer import PgBouncer
from harness.postgres_proxy import PostgresProxy
from harness.sessions import Session


@pytest.fixture
def pooler(postgres, make):
    return make(PgBouncer(postgres.port))


@pytest.fixture
def url(database, pooler):
    return pooler.url(database=database.rpartition("/")[2])


def test_a_takeover(url, new_member, make):
    """Tables are made by it, too."""
    one = new_member(url).owns()
    two = new_member(url).stands_by(one)
    session = make(Session(one))
    payloads = [str(nth) for nth in range(200)]
    session.submit_all(payloads)
    worker = one.worker()
    session.client.outcomes(50)
    one.kill()
    worker.kill()
    two.owns()
    session.resume(two)
    two.worker()
    session.check_done(payloads)
    assert two.stop() == 0


def test_a_server_that_was_stopped_and_wakes(url, new_member, make):
    one = new_member(url).owns()
    two = new_member(url).stands_by(one)
    session, worker = make(Session(one)), make(Worker(one))
    session.submit_all(["runs"])
    job = worker.job()
    one.pause()
    two.owns()
    worker.done(job, b'"of the first"')
    before = list(session.client.events)
    one.resume()
    session.client.wait_closed()
    assert [event["ev"] for event in session.client.events[len(before):] if event["ev"] != "bye"] == []
    one.stands_by(two)
    session.resume(two)
    two.worker()
    assert session.client.result("runs") == "RUNS"


def test_an_answer_is_lost_behind_the_pooler(postgres, database, new_member, make):
    """The pooler says that the server is gone, and what became of the write is not known."""
    proxy = make(PostgresProxy(postgres))
    pooler = make(PgBouncer(proxy.port))
    one = new_member(pooler.url(database=database.rpartition("/")[2])).owns()
    session, runs = make(Session(one)), Counter()
    make(Serving(one, lambda job: runs.update([job.name]) or job.body, slots=4))
    ids, payloads = (f"job {nth}" for nth in count(1)), []
    for nth in (1, 2, 3):
        for lose in (proxy.lose_answer, proxy.lose_request):
            wrong = lose(nth=nth)
            while not wrong.has_happened():
                payloads.append(session.submit_till_taken(one, ids))
            one.wait_readyz(200)
    session.check_done(payloads)
    assert len(runs) == len(payloads) and set(runs.values()) == {1}
    assert one.process.stdout == [one.line_of("ready")]


def test_the_pooler_is_away_and_comes_back(postgres, database, new_member, make):
    proxy = make(PostgresProxy(postgres))
    pooler = make(PgBouncer(proxy.port))
    one = new_member(pooler.url(database=database.rpartition("/")[2])).owns()
    session = make(Session(one))
    session.submit_all(["before"])
    proxy.refuse()
    proxy.cut()
    session.client.submit("noticed", id="noticed", queue="nobody")
    one.wait_readyz(503, "storage")
    proxy.resume()
    one.wait_readyz(200)
    one.worker()
    session.submit_all(["after"])
    session.check_done(["before", "after"])
    assert one.process.stdout == [one.line_of("ready")]
