"""PostgreSQL is away and comes back, or its disk is full and free again; the owner of the journal lives."""

import pytest

from harness import Client, Worker, eventually
from harness.api import Api
from harness.sessions import Session
from harness.small_disk import SmallDisk


class Scene:
    """A server with a session, and a worker in the midst of a job."""

    def __init__(self, server, make):
        self.server = server
        self.session, self.client = make(Session(server)), make(Client(server))
        self.worker = make(Worker(server, slots=1))
        self.session.submit_all(["runs", "waits"])
        self.runs = self.worker.job()
        server.wait_written()

    def nothing_is_taken(self, large="noticed"):
        """What is new is refused, and what runs goes on; of its end the session hears later. Returns why."""
        server, worker, session = self.server, self.worker, self.session
        # Something has to be written, for the server to notice.
        self.client.submit(large, queue="nobody")
        said = server.wait_readyz(503, "storage")
        refused = self.client.submit("refused")
        rejected = self.client.outcome(refused)
        assert (rejected["ev"], rejected["code"]) == ("rejected", "storage")
        assert rejected["retry_after_ms"] > 0 and rejected["message"]
        assert Api(server).submit("1").refused(503, "storage")["detail"]
        assert server.metric("acequia_journal_writable") == 0
        assert server.get("/healthz")[0] == 200

        worker.progress(self.runs, note="half")
        session.client.heard("progress", id="runs")
        worker.done(self.runs, b'"once"')
        eventually(lambda: server.total("acequia_jobs_ended_total") == 1, "its end")
        self.client.barrier()
        assert not [event for event in session.told if event["ev"] == "done"]
        return said

    def all_goes_on(self):
        server, worker, session = self.server, self.worker, self.session
        server.wait_readyz(200)
        assert server.metric("acequia_journal_writable") == 1
        assert session.client.result("runs") == "once"
        job = worker.job()
        worker.done(job, job.body)
        session.check_done(["runs", "waits"])
        session.submit_all(["new"])
        job = worker.job()
        worker.done(job, job.body)
        session.check_done(["runs", "waits", "new"])
        assert server.process.stdout == [server.line_of("ready")], "it has stayed the owner"


@pytest.mark.parametrize("go, come_back", [("kill", "start"), ("pause", "resume")])
def test_while_postgresql_is_away(new_postgres, new_member, make, go, come_back):
    postgres = new_postgres()
    scene = Scene(new_member(postgres.url()).owns(), make)
    getattr(postgres, go)()
    scene.nothing_is_taken()
    getattr(postgres, come_back)()
    scene.all_goes_on()


def test_a_restart_of_postgresql_is_no_more_than_a_pause(new_postgres, new_member, make):
    postgres = new_postgres()
    server = new_member(postgres.url()).owns()
    scene = Scene(server, make)
    postgres.restart("immediate")
    scene.worker.done(scene.runs, b'"once"')
    scene.all_goes_on()


def test_a_standby_waits_for_postgresql_too(new_postgres, new_member, make):
    """The owner dies while PostgreSQL is away: who stands by goes on from there when it is back."""
    postgres = new_postgres()
    one = new_member(postgres.url()).owns()
    two = new_member(postgres.url()).stands_by(one)
    scene = Scene(one, make)
    postgres.kill()
    scene.nothing_is_taken()
    one.kill()
    assert two.readyz()[0] == 503
    postgres.start()
    two.owns()
    scene.session.resume(two)
    # Nobody was told of its end, so it runs once more.
    with Worker(two, slots=2) as worker:
        for job in (worker.job(), worker.job()):
            worker.done(job, job.body)
        scene.session.check_done(["runs", "waits"])


def test_a_server_waits_for_postgresql_when_it_starts(new_postgres, new_member):
    postgres = new_postgres()
    server = new_member(postgres.url()).owns()
    server.stop()
    postgres.stop()
    server.launch()
    server.process.line(lambda line: "open files allowed" in line, of="stderr")
    postgres.start()
    server.owns()
    assert server.readyz()[0] == 200


def test_who_stops_while_postgresql_is_away_loses_nothing(new_postgres, new_member, make):
    postgres = new_postgres()
    server = new_member(postgres.url(), "--grace-s", "1").owns()
    scene = Scene(server, make)
    postgres.kill()
    scene.nothing_is_taken()
    server.terminate()
    postgres.start()
    assert server.process.wait() == 0
    server.start_again()
    server.owns()
    scene.session.resume(server)
    server.worker()
    scene.session.check_done(["runs", "waits"])


def test_while_the_disk_of_postgresql_is_full(new_postgres, new_member, make):
    postgres = new_postgres()
    disk = make(SmallDisk(postgres))
    scene = Scene(new_member(disk.database).owns(), make)
    disk.fill()
    said = scene.nothing_is_taken(large="x" * 200_000)
    assert "the disk of PostgreSQL is full" in said
    disk.free()
    scene.all_goes_on()
