"""PostgreSQL itself fails over to another, of which the URL of the journal has the host too."""

import pytest

from harness import Client, Worker, eventually
from harness.api import Api
from harness.sessions import Session


class Scene:
    """A server whose journal is in a primary and its standby, with jobs in it."""

    def __init__(self, new_postgres, new_member, make, synchronous):
        self.primary = new_postgres()
        self.standby = make(self.primary.standby(synchronous=synchronous))
        self.url = self.primary.url(port=[self.primary.port, self.standby.port])
        self.server = new_member(self.url).owns()
        self.session, self.worker = make(Session(self.server)), make(Worker(self.server, slots=1))
        self.payloads = [str(nth) for nth in range(50)]
        self.session.submit_all(self.payloads)
        self.job = self.worker.job()
        self.server.wait_written()

    def fail_over(self):
        self.primary.kill()
        self.standby.promote()


def groups(postgres):
    (last,), = postgres.psql("SELECT max(nth) FROM acequia.groups")
    return last


@pytest.fixture
def synchronous(new_postgres, new_member, make):
    return Scene(new_postgres, new_member, make, True)


@pytest.fixture
def asynchronous(new_postgres, new_member, make):
    return Scene(new_postgres, new_member, make, False)


def test_a_synchronous_standby_has_all_that_was_accepted(synchronous, new_member):
    scene, server = synchronous, synchronous.server
    assert not [line for line in server.process.stderr if "no synchronous standby" in line]
    scene.fail_over()
    # What ran meanwhile is told when it is written.
    scene.worker.done(scene.job, b'"meanwhile"')
    assert scene.session.client.result("0") == "meanwhile"
    server.wait_readyz(200)
    scene.session.submit_all(["new"])
    assert server.process.stdout == [server.line_of("ready")], "it has stayed the owner"
    server.kill()
    # Another finds everything there.
    two = new_member(scene.url).owns()
    assert two.metric("acequia_journal_recovered_jobs") == 50
    scene.session.resume(two)
    two.worker()
    scene.session.check_done([*scene.payloads, "new"])


def test_both_the_owner_and_its_postgresql_die(synchronous, new_member):
    scene, one = synchronous, synchronous.server
    two = new_member(scene.url).stands_by(one)
    one.kill()
    scene.fail_over()
    two.owns()
    scene.session.resume(two)
    two.worker()
    scene.session.check_done(scene.payloads)


def test_while_the_synchronous_standby_is_away_nothing_is_accepted(synchronous, make):
    """PostgreSQL does not confirm it, and the server waits for that."""
    scene, server = synchronous, synchronous.server
    scene.standby.stop()
    client = make(Client(server))
    id = client.submit("not confirmed", queue="nobody")
    scene.worker.done(scene.job, b'"later"')
    server.wait_readyz(503, "storage")
    assert not client.of(id)
    assert not [event for event in scene.session.told if event["ev"] == "done"]
    scene.standby.start()
    server.wait_readyz(200)
    client.heard("accepted", id=id)
    assert scene.session.client.result("0") == "later"
    assert server.process.stdout == [server.line_of("ready")]


def test_an_asynchronous_standby_that_has_everything_is_as_good(asynchronous):
    scene, server = asynchronous, asynchronous.server
    assert [line for line in server.process.stderr if "no synchronous standby" in line]
    # The last of what was written is a lease, which may be lost.
    eventually(lambda: groups(scene.standby) == groups(scene.primary), "the standby")
    scene.fail_over()
    scene.worker.done(scene.job, b'"meanwhile"')
    assert scene.session.client.result("0") == "meanwhile"
    assert server.metric("acequia_cluster_lost_commits") == 0


def test_an_owner_halts_where_what_was_confirmed_is_lost(asynchronous, make):
    scene, server = asynchronous, asynchronous.server
    eventually(lambda: groups(scene.standby) == groups(scene.primary), "the standby")
    # Stopped, not paused: what is on its way to one that is paused arrives yet.
    scene.standby.stop()
    client = make(Client(server))
    lost = client.submit("lost", queue="nobody")
    client.accepted([lost])
    server.wait_written()
    before = [list(each.events) for each in (scene.session.client, client)]
    scene.primary.kill()
    scene.standby.start()
    scene.standby.promote()
    scene.worker.done(scene.job, b'"of nobody any more"')
    client.submit("late", id="late")

    for each, heard in zip((scene.session.client, client), before, strict=True):
        each.wait_closed()
        more = [event["ev"] for event in each.events[len(heard):] if event["ev"] != "bye"]
        assert set(more) <= {"rejected"}, more
    server.process.line(lambda line: "does nothing more" in line, of="stderr")
    status, said = server.readyz()
    assert status == 503 and said.startswith("halted: ") and "groups" in said
    assert server.metric("acequia_cluster_lost_commits") == 1
    assert server.metric("acequia_cluster_owner") == 0
    problem = Api(server).submit("1").refused(503, "standby")
    assert "halted" in problem["detail"]
    assert server.get("/healthz")[0] == 200

    # Whoever has looked at it starts it again, and it goes on with what is left.
    assert server.stop() == 0
    server.start_again()
    server.owns()
    assert server.metric("acequia_journal_recovered_jobs") == 50
    assert server.metric("acequia_cluster_lost_commits") == 0


def test_who_stands_by_is_no_judge_of_what_was_lost(asynchronous, new_member):
    """It was told nothing, and goes on with what is there."""
    scene, one = asynchronous, asynchronous.server
    two = new_member(scene.url).stands_by(one)
    eventually(lambda: groups(scene.standby) == groups(scene.primary), "the standby")
    one.kill()
    scene.fail_over()
    two.owns()
    assert two.metric("acequia_journal_recovered_jobs") == 50
    assert two.metric("acequia_cluster_lost_commits") == 0
