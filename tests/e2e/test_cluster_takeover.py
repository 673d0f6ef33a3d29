"""The owner of a cluster ends, killed or told to, and another server goes on where it was."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from harness import Admin, Client, Worker, eventually
from harness.api import Api
from harness.cluster import Member, owner_of
from harness.sessions import Session

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def pair(new_member, database):
    """An owner, and who stands by."""
    one = new_member(database).owns()
    return one, new_member(database).stands_by(one)


def cluster_metrics(member):
    return {name.removeprefix("acequia_cluster_").removesuffix("_total"): value
            for (name, _), value in member.metrics().items() if name.startswith("acequia_cluster_")}


def test_what_each_says_of_its_part(pair):
    one, two = pair
    assert one.process.stdout == [one.line_of("ready")]
    assert two.process.stdout == [two.line_of("standby", one.url)]
    assert one.readyz()[0] == 200
    assert two.readyz() == (503, f"standby: the owner is {one.url}\n")
    assert all(member.get("/healthz")[0] == 200 for member in pair)
    told = cluster_metrics(one)
    assert told == {"owner": 1, "epoch": 1, "takeovers": 1, "fenced_writes": 0, "lost_commits": 0}
    told = cluster_metrics(two)
    assert (told["owner"], told["takeovers"], told["fenced_writes"], told["lost_commits"]) == (0, 0, 0, 0)
    assert one.metric("acequia_journal_group_seconds_count") == 0
    Api(one).submit("1")
    assert one.metric("acequia_journal_group_seconds_count") >= 1

    one.kill()
    two.owns()
    assert two.process.stdout == [two.line_of("standby", one.url), two.line_of("ready")]
    assert two.readyz()[0] == 200
    told = cluster_metrics(two)
    assert told == {"owner": 1, "epoch": 2, "takeovers": 1, "fenced_writes": 0, "lost_commits": 0}

    one.start_again()
    one.stands_by(two)
    assert one.readyz() == (503, f"standby: the owner is {two.url}\n")
    assert cluster_metrics(one)["owner"] == 0


@pytest.mark.parametrize("method, path", [
    ("POST", "/v1/queues/default/jobs"), ("GET", f"/v1/jobs/{UNKNOWN}"), ("GET", "/v1/ws"), ("GET", "/dashboard"),
    ("GET", "/v1/admin/queues"), ("POST", "/v1/admin/queues/red/pause"), ("GET", "/no-such-thing"),
])
def test_whoever_calls_a_standby_is_told_of_the_owner(pair, method, path):
    one, two = pair
    answer = Api(two).call(method, path)
    problem = answer.refused(503, "standby")
    assert problem["owner"] == one.url and one.url in problem["detail"]
    assert (answer.headers["Retry-After"], problem["retry_after_ms"]) == ("1", 1000)


def test_whoever_dials_a_standby_is_told_of_the_owner(pair):
    one, two = pair
    with pytest.raises(InvalidStatus) as refused:
        Client(two)
    response = refused.value.response
    assert response.status_code == 503 and response.headers["Retry-After"] == "1"
    said = json.loads(response.body)
    assert (said["code"], said["owner"]) == ("standby", one.url)


def test_others_are_told_where_a_server_says_that_it_is(new_member, database):
    one = new_member(database, "--advertise", "http://localhost:80").owns()
    two = new_member(database)
    two.process.line(lambda line: line == two.line_of("standby", "http://localhost:80"))
    assert two.readyz() == (503, "standby: the owner is http://localhost:80\n")
    assert one.readyz()[0] == 200


def test_workers_of_a_standby_get_nothing_before_it_owns(pair, make):
    one, two = pair
    worker = make(Worker(two, ready=False))
    with Client(one) as client:
        client.accepted([client.submit("text")])
    assert not worker.at_hand()
    one.kill()
    worker.ready()
    assert worker.job().body == b'"text"'


def test_a_session_goes_on_at_the_next_server(pair, make, encoding):
    one, two = pair
    session = make(Session(one, encoding))
    worker = make(Worker(one, slots=2, queues=["default"]))
    payloads = [str(nth) for nth in range(10)]
    session.submit_all(payloads)
    held = [worker.job() for _ in range(2)]
    worker.done(held[0], held[0].body)
    session.wait_told("done", ["0"])
    held.append(worker.job())
    # One more ends while the client is away.
    session.leave()
    worker.done(held[1], held[1].body)
    worker.job()
    one.wait_written()
    one.kill()

    two.owns()
    assert two.metric("acequia_journal_recovered_jobs") == 8
    session.resume(two)
    again = make(Worker(two, slots=8, queues=["default"]))
    runs = [again.job() for _ in range(8)]
    # The order is the old one; those whose worker was lost with the server run for a second time.
    assert [(job.value if encoding == "msgpack" else json.loads(job.body)) for job in runs] == payloads[2:]
    assert [job.head["attempt"] for job in runs[:3]] == [2, 2, 1]
    for job in runs:
        again.done(job, job.body)
    session.check_done(payloads)
    assert not again.at_hand()


def test_what_was_there_is_there(pair, make):
    """Keys, paused queues, dead letters, kept outcomes, delays and batches."""
    one, two = pair
    session, admin = make(Session(one)), make(Admin(one))
    client, worker = session.client, make(Worker(one, slots=9))
    session.submit_all(["fails"])
    failed = worker.job()
    worker.fail(failed, code="no_luck", retry=False)
    client.submit("done", id="done", key="order")
    done = worker.job()
    worker.done(done, b'"kept"')
    session.wait_told("done", ["done"])
    client.submit("lives", id="lives", key="live", queue="red")
    client.submit("late", id="late", delay_ms=3_600_000)
    client.submit("of a batch", id="of a batch", batch="night", queue="blue")
    lives, late, batched = client.accepted(["lives", "late", "of a batch"])
    admin.do("POST", "queues/red/pause")
    one.wait_written()
    letters = admin.dead_letters()
    one.kill()

    two.owns()
    session.resume(two)
    admin, api, client = make(Admin(two)), Api(two), session.client
    found = api.get(f"/v1/jobs/{done.name}").json
    assert (found["state"], api.get(f"/v1/jobs/{done.name}/result").body) == ("done", b'"kept"')
    assert admin.job(failed.name)["state"] == "failed"
    assert [letter["job"] for letter in admin.dead_letters()[0]] == [letter["job"] for letter in letters[0]]
    assert [queue["queue"] for queue in admin.get("queues")["queues"] if queue["paused"]] == ["red"]
    assert admin.job(late)["state"] == "delayed"
    # A key is that of the job that is done, or lives.
    assert client.result(client.submit("again", key="order")) == "kept"
    assert client.accepted([client.submit("again", key="live", id="twin")]) == [lives]
    worker = make(Worker(two, queues=["red", "blue"], slots=9))
    job = worker.job()
    assert job.name == batched
    worker.done(job, b"1")
    ended = client.heard("batch")
    assert (ended["batch"], ended["done"]) == ("night", 1)
    admin.do("POST", "queues/red/resume")
    job = worker.job()
    assert job.name == lives
    worker.done(job, b"1")
    assert client.result("lives") == client.result("twin") == 1


def test_a_job_that_was_submitted_over_http_ends_at_the_next_server(pair):
    one, two = pair
    job = Api(one).submit("[1]").json["job"]
    one.kill()
    two.owns()
    two.worker()
    eventually(lambda: Api(two).get(f"/v1/jobs/{job}").json["state"] == "done", "its end")


def test_owners_are_killed_one_after_another(new_member, database, make):
    """Workers of all servers run all the time; a client goes on wherever the owner is."""
    members = [new_member(database) for _ in range(3)]
    workers = [member.worker() for member in members]
    owner = owner_of(members)
    session, payloads = make(Session(owner)), []
    for turn in range(3):
        new = [f"{turn}.{nth}" for nth in range(100)]
        session.submit_all(new)
        payloads += new
        session.client.outcomes(20)
        owner.kill()
        session.client.wait_closed()
        dead, owner = owner, owner_of([member for member in members if member is not owner])
        dead.start_again()
        dead.stands_by(owner)
        session.resume(owner)
    session.check_done(payloads)
    assert owner.metric("acequia_cluster_epoch") == 4
    assert all(worker.alive for worker in workers)
    assert [member for member in members if member.metric("acequia_cluster_owner") == 1] == [owner]


def test_a_stop_hands_over(pair, make):
    """What runs ends before that, and is told where it ran."""
    one, two = pair
    session, worker = make(Session(one)), make(Worker(one, slots=1))
    session.submit_all(["runs", "waits"])
    job = worker.job()
    one.process.signal(15)
    worker.expect("bye")
    worker.done(job, job.body)
    session.wait_told("done", ["runs"])
    assert session.client.heard("bye")["reconnect_in_ms"] > 0
    assert one.stop() == 0
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
    assert cluster_metrics(one) == {"owner": 1, "epoch": 1, "takeovers": 1, "fenced_writes": 0, "lost_commits": 0}


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
    assert sum(member.has_owned() for member in members) == 1


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
    assert blue.has_owned() == 1 and blue.process.stdout == [blue.line_of("ready")]
