"""Servers of a cluster come and go in peace."""

from harness import Admin, Worker
from harness.cluster import Member, owner_of
from harness.sessions import Session


def test_a_stop_hands_over(pair, make):
    """What runs ends before that, and is told where it ran."""
    one, two = pair
    session, worker = make(Session(one)), make(Worker(one, slots=1))
    session.submit_all(["runs", "waits"])
    job = worker.job()
    one.terminate()
    worker.expect("bye")
    worker.done(job, job.body)
    session.wait_told("done", ["runs"])
    assert session.client.heard("bye")["reconnect_in_ms"] > 0
    assert one.process.wait() == 0
    two.owns()
    assert two.metric("acequia_journal_recovered_jobs") == 1
    session.resume(two)
    two.worker()
    session.check_done(["runs", "waits"])


def test_a_server_that_stops_leaves_the_lease_to_whoever_comes(postgres, database, new_member):
    name = database.rpartition("/")[2]
    one = new_member(database).owns()
    lease = "SELECT lease_until < clock_timestamp() FROM acequia.cluster"
    assert postgres.psql(lease, database=name) == [(False,)]
    assert one.stop() == 0
    assert postgres.psql(lease, database=name) == [(True,)]
    two = new_member(database).owns()
    # Nobody was waited for.
    assert two.process.stdout == [two.line_of("ready")]
    assert two.metric("acequia_cluster_epoch") == 2


def test_a_standby_that_stops_is_missed_by_nobody(pair):
    one, two = pair
    assert two.stop() == 0
    assert two.process.stdout == [two.line_of("standby", one.url)]
    assert one.process.stdout == [one.line_of("ready")]
    assert one.metric("acequia_cluster_epoch") == 1


def test_of_a_third_server_too(new_member, database, make):
    one = new_member(database).owns()
    others = [new_member(database).stands_by(one) for _ in range(2)]
    assert one.stop() == 0
    two = owner_of(others)
    three, = [member for member in others if member is not two]
    three.stands_by(two)
    session = make(Session(two))
    session.submit_all(["text"])
    three.worker()
    assert two.stop() == 0
    three.owns()
    session.resume(three)
    session.check_done(["text"])
    assert three.metric("acequia_cluster_epoch") == 3


def test_servers_that_start_at_once_make_one_cluster(new_member, database, monkeypatch):
    """Also in a database without tables, which each of them makes if they are not there."""
    monkeypatch.setattr(Member, "wait_ready", lambda _: None)
    members = [new_member(database) for _ in range(4)]
    for member in members:
        member.process.line(lambda line: line.startswith("acequia "))
    owner = owner_of(members)
    for member in members:
        if member is not owner:
            member.stands_by(owner)
    assert all(len(member.process.stdout) == 1 for member in members if member is not owner)


def test_two_clusters_in_one_database_know_nothing_of_each_other(new_member, database, make):
    red, blue = (new_member(database, "--cluster-name", name).owns() for name in ("red", "blue"))
    other = new_member(database, "--cluster-name", "red").stands_by(red)
    sessions = {member: make(Session(member)) for member in (red, blue)}
    for member, session in sessions.items():
        session.submit_all([member.url])
        make(Admin(member)).do("POST", "queues/paused/pause")
    red.kill()
    other.owns()
    assert (other.metric("acequia_cluster_epoch"), other.metric("acequia_journal_recovered_jobs")) == (2, 1)
    assert blue.metric("acequia_cluster_epoch") == 1
    sessions[red].resume(other)
    for member in (other, blue):
        member.worker()
    for member, session in sessions.items():
        session.check_done([member.url])
    assert blue.process.stdout == [blue.line_of("ready")]
