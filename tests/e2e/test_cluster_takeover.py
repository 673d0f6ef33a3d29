"""The owner of a cluster is killed, and another server goes on where it was."""

import json

from harness import Admin, Worker, eventually
from harness.api import Api
from harness.cluster import owner_of
from harness.sessions import Session


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
    # In the order of old; those whose worker was lost with the server run once more.
    assert [(job.value if encoding == "msgpack" else json.loads(job.body)) for job in runs] == payloads[2:]
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
