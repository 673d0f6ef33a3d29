"""What became of a write is not known: its answer, or all of it, was lost on the way, or comes late."""

from collections import Counter
from itertools import count

import pytest

from harness import Serving, eventually
from harness.sessions import Session
from harness.tcp_proxy import finish, reset

ROUNDS = 6


class Book:
    """A session whose jobs are accepted or refused, and how often each ran."""

    def __init__(self, server, make):
        self._server = server
        self.session = make(Session(server))
        self.runs = Counter()
        self._ids = (f"job {nth}" for nth in count(1))

    def run(self, job):
        self.runs[job.body.decode().strip('"')] += 1
        return job.body

    def submit(self, **fields):
        """Submits a job, and again when it is refused since the database is away; returns the id that was accepted."""
        return self.session.submit_till_taken(self._server, self._ids, **fields)


def rows(postgres, database, table):
    (number,), = postgres.psql(f"SELECT count(*) FROM acequia.{table}", database=database.rpartition("/")[2])
    return number


@pytest.mark.parametrize("how", [reset, finish])
@pytest.mark.parametrize("mishap", ["lose_answer", "lose_request"])
def test_each_job_is_accepted_and_ends_once(behind_proxy, postgres, database, make, mishap, how):
    proxy, one, two = behind_proxy
    book, waiting, done = Book(one, make), [], []
    with Serving(one, book.run, queues=["runs"], slots=4):
        for nth in range(1, ROUNDS + 1):
            # Of the groups that these jobs make, it is another each time.
            wrong = getattr(proxy, mishap)(nth=nth, how=how)
            while not wrong.has_happened():
                done.append(book.submit(queue="runs"))
                waiting.append(book.submit(queue="waits"))
            one.wait_readyz(200)
        assert one.process.stdout == [one.line_of("ready")], "it has stayed the owner"
        book.session.check_done(done)
        assert book.runs == Counter(done)
        one.wait_written()
        assert rows(postgres, database, "jobs") == len(waiting)

    one.kill()
    two.owns()
    assert two.metric("acequia_journal_recovered_jobs") == len(waiting)
    book.session.resume(two)
    make(Serving(two, book.run, queues=["runs", "waits"], slots=4))
    book.session.check_done(done + waiting)
    assert book.runs == Counter(done + waiting)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_write_that_comes_late_changes_nothing(behind_proxy, postgres, database, make, nth):
    proxy, one, two = behind_proxy
    book = Book(one, make)
    late, waiting = proxy.delay_request(nth=nth), []
    while not late.has_happened():
        waiting.append(book.submit(queue="waits"))
    waiting += [book.submit(queue="waits") for _ in range(3)]
    one.wait_written()
    before = [rows(postgres, database, table) for table in ("jobs", "groups")]
    answer = late.release()
    # It was written by another statement, whose number is taken.
    assert answer.error == "23505", answer
    assert [rows(postgres, database, table) for table in ("jobs", "groups")] == before
    assert before[0] == len(waiting)
    waiting.append(book.submit(queue="waits"))
    make(Serving(one, book.run, queues=["waits"], slots=4))
    book.session.check_done(waiting)
    assert book.runs == Counter(waiting)
    assert one.process.stdout == [one.line_of("ready")]


def test_a_write_of_a_former_owner_that_comes_late_changes_nothing(behind_proxy, postgres, database, make):
    proxy, one, two = behind_proxy
    book = Book(one, make)
    accepted = book.submit(queue="waits")
    one.wait_written()
    late = proxy.delay_request()
    book.session.client.submit("in vain", id="in vain", queue="waits")
    late.wait()
    one.kill()
    two.owns()
    before = [rows(postgres, database, table) for table in ("jobs", "groups")]
    answer = late.release()
    assert answer.error is None and answer.status == "I"
    assert [rows(postgres, database, table) for table in ("jobs", "groups")] == before
    book.session.resume(two)
    make(Serving(two, book.run, queues=["waits"], slots=4))
    book.session.check_done([accepted])
    # Unless it was sent again at once, and was there when the server was killed.
    eventually(lambda: two.metric("acequia_queue_depth", queue="waits") == 0, "all that was there")
    assert set(book.runs) <= {accepted, "in vain"} and set(book.runs.values()) == {1}
