"""A disk that takes no more: new jobs are refused, those that run are delivered, and it passes.

The disk is a limit on the size of files: with SIGXFSZ ignored, as it is in Python and stays in its
children if they are told so, a write beyond it fails with EFBIG.
"""

import resource

import pytest

from harness import Admin, Client, Process, Server, Serving, Worker, acequia, eventually
from harness.preload import Preload
from harness.server import MIB, clean_env

FULL = 4096  # less than any journal


@pytest.fixture
def server(new_server, tmp_path):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path, restore_signals=False)


def fill(server):
    """From now on the disk is full."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (FULL, hard))


def free(server):
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def failing(server):
    """Waits until the server knows. Something has to be written for that."""
    with Client(server) as client:
        client.submit("to be written", queue="nobody")
        eventually(lambda: server.metric("acequia_journal_writable") == 0, "the failure")


def test_a_disk_that_is_full_and_free_again(server, make, admin, encoding):
    client, worker = make(Client(server, encoding)), make(Worker(server, slots=2))
    running = client.submit("running")
    job = worker.job()
    waiting = client.submit("waiting", queue="later")
    names = [client.heard("accepted", id=id)["job"] for id in (running, waiting)]
    assert server.get("/readyz")[0] == 200

    fill(server)
    failing(server)
    status, _, text = server.get("/readyz")
    assert status == 503 and "storage" in text
    assert server.get("/healthz")[0] == 200
    refused = client.submit("refused")
    rejected = client.outcome(refused)
    assert (rejected["ev"], rejected["code"]) == ("rejected", "storage")
    assert rejected["retry_after_ms"] > 0 and rejected["message"]
    assert server.metric("acequia_jobs_rejected_total", code="storage") >= 1

    # What runs goes on to its end.
    worker.progress(job, note="still here")
    client.heard("progress", id=running)
    worker.done(job, job.body)
    assert client.result(running) == "running"
    assert not worker.at_hand()

    free(server)
    eventually(lambda: server.get("/readyz")[0] == 200, "the disk to be well again")
    assert server.metric("acequia_journal_writable") == 1
    again = client.submit("refused")
    client.heard("accepted", id=again)
    worker.done(worker.job(), job.body)
    assert client.outcome(again)["ev"] == "done"
    # And what was accepted before is what is there after a crash.
    server.crash()
    make(Serving(server, queues=["later", "nobody", "default"]))
    assert admin.ended(names[1])["result"] in ("waiting", {"$base64": "p3dhaXRpbmc="})
    assert admin.ended(names[0])["state"] == "done"


def test_a_session_that_can_be_resumed_hears_of_its_results_all_the_same(server, make):
    """It hears of them once they are on the disk; but then not while nothing is written."""
    client, worker = make(Client(server)), make(Worker(server, slots=2))
    client.send({"op": "hello", "resume": True})
    client.heard("welcome")
    ids = [client.submit("one"), client.submit("two")]
    jobs = [worker.job(), worker.job()]
    client.accepted(ids)
    fill(server)
    # This outcome is the first that is not written.
    for id, job in zip(ids, jobs, strict=True):
        worker.done(job, job.body)
        assert client.outcome(id)["ev"] == "done"
    eventually(lambda: server.metric("acequia_journal_writable") == 0, "the failure")
    free(server)
    eventually(lambda: server.get("/readyz")[0] == 200, "the disk to be well again")


def test_nothing_is_accepted_that_is_not_written(server, make):
    """Jobs that came in the moment of the failure: no `accepted` before they are on the disk."""
    client = make(Client(server))
    client.heard("accepted", id=client.submit("first", queue="nobody"))
    fill(server)
    ids = client.submit_many(list(range(50)), queue="nobody")
    eventually(lambda: server.metric("acequia_journal_writable") == 0, "the failure")
    late = client.submit("late", queue="nobody")
    assert client.outcome(late)["code"] == "storage"
    client.barrier()
    # Each new try opens the file anew, which may sync it, so syncs would prove nothing here.
    assert not [e for e in client.events if e["ev"] == "accepted" and e["id"] in ids]
    assert server.metric("acequia_journal_writable") == 0
    syncs = server.metric("acequia_journal_syncs_total")
    # They were taken in memory: they end, or are accepted once the disk is well.
    free(server)
    for id in ids:
        event = client.wait(
            lambda events, id=id: next((e for e in events if e.get("id") == id), None), f"word of {id}"
        )
        assert event["ev"] == "accepted" or event["code"] == "storage", event
    assert server.metric("acequia_journal_syncs_total") > syncs


def test_jobs_that_were_taken_before_the_failure_run_all_the_same(server, make):
    """Their outcome may come although they never reached the disk: then nothing was promised."""
    client = make(Client(server))
    client.heard("accepted", id=client.submit("first", queue="nobody"))
    fill(server)
    ids = client.submit_many(list(range(10)))
    eventually(lambda: server.metric("acequia_journal_writable") == 0, "the failure")
    make(Serving(server))
    for n, id in enumerate(ids):
        assert client.result(id) == n
        assert "accepted" not in client.names(id)
    free(server)
    eventually(lambda: server.metric("acequia_journal_writable") == 1, "the disk to be well again")


def test_killed_while_the_disk_is_full(server, make, admin):
    """What was accepted before is there; what never was is not owed to anybody."""
    client = make(Client(server))
    names = [client.heard("accepted", id=id)["job"] for id in client.submit_many(list(range(100)))]
    fill(server)
    failing(server)
    server.crash()
    assert server.metric("acequia_journal_writable") == 1
    assert server.metric("acequia_journal_recovered_jobs") == 100
    make(Serving(server, slots=10))
    assert [admin.ended(name)["result"] for name in names] == list(range(100))


def test_dead_letters_while_the_disk_is_full(server, make, admin):
    """One that comes is kept, and is on the disk later; none is redriven, since that is a new job."""
    client, worker = make(Client(server)), make(Worker(server, slots=2))
    first, second = client.submit("first"), client.submit("second")
    jobs = [worker.job(), worker.job()]
    names = client.accepted([first, second])
    worker.fail(jobs[0], code="no_luck")
    client.outcome(first)
    fill(server)
    failing(server)
    worker.fail(jobs[1], code="no_luck")
    client.outcome(second)
    assert [letter["job"] for letter in admin.dead_letters()[0]] == names
    for path in (f"dead-letters/{names[0]}/redrive", "dead-letters/redrive"):
        status, said = admin.call("POST", path)
        assert (status, said["code"]) == (503, "storage") and said["message"]
    assert [letter["job"] for letter in admin.dead_letters()[0]] == names
    free(server)
    eventually(lambda: server.metric("acequia_journal_writable") == 1, "the disk to be well again")
    server.wait_written()
    server.crash()
    assert [letter["job"] for letter in admin.dead_letters()[0]] == names


def test_a_stop_while_the_disk_is_full(server, make, admin):
    """It ends all the same, says what it could not write, and what was accepted is there."""
    client = make(Client(server))
    names = client.accepted(client.submit_many(list(range(10))))
    fill(server)
    failing(server)
    assert server.stop() is not None
    client.heard("bye")
    assert any("ERROR" in line and "not written" in line for line in server.process.stderr), server.process.log()
    server.start_again()
    make(Serving(server, slots=10))
    assert [admin.ended(name)["result"] for name in names] == list(range(10))


def only_small_files():
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, hard))


def test_a_new_journal_on_a_full_disk(tmp_path):
    command = [acequia(), "serve", "--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0",
               "--results", "tcp://127.0.0.1:0", "--journal", tmp_path / "jobs.redb"]
    options = {"preexec_fn": only_small_files, "restore_signals": False}
    server = Process(command, name="server", env=clean_env(), **options)
    assert server.wait() == 1 and not server.stdout
    assert str(tmp_path / "jobs.redb") in server.stderr[-1], server.log()
    # What is left of the try is in nobody's way.
    Server(journal=tmp_path / "jobs.redb").check()


def test_a_start_on_a_full_disk(new_server, make, tmp_path):
    """What is there is read, and run; new jobs have to wait for room."""
    path = tmp_path / "jobs.redb"
    server = Server(journal=path)
    with Client(server) as client:
        names = client.accepted(client.submit_many(list(range(10))))
    server.kill()
    server = new_server(journal=path, preexec_fn=only_small_files, restore_signals=False)
    admin = make(Admin(server))
    make(Serving(server, slots=10))
    assert [admin.ended(name)["result"] for name in names] == list(range(10))
    failing(server)
    free(server)
    eventually(lambda: server.metric("acequia_journal_writable") == 1, "the disk to be well again")


def test_without_a_journal_there_is_no_disk_to_fail(new_server, make):
    server = new_server(restore_signals=False)
    fill(server)
    client = make(Client(server))
    make(Serving(server))
    assert client.result(client.submit("text")) == "text"
    assert server.get("/readyz")[0] == 200


@pytest.fixture
def system(tmp_path):
    return Preload(tmp_path)


def test_a_disk_that_does_not_answer_and_answers_again(new_server, make, system, tmp_path):
    """It neither does what it is asked nor fails, so somebody has to stop waiting for it."""
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", env=system.env)
    client, worker = make(Client(server)), make(Worker(server, slots=2))
    client.send({"op": "hello", "resume": True})
    client.heard("welcome")
    running = client.submit("running")
    job = worker.job()
    client.heard("accepted", id=running)
    system.hang()
    waits = client.submit("waits", queue="nobody")
    eventually(lambda: server.get("/readyz")[0] == 503, "the server to notice")
    status, _, text = server.get("/readyz")
    assert "has not answered" in text and server.get("/healthz")[0] == 200
    assert server.metric("acequia_journal_writable") == 0
    assert client.outcome(client.submit("refused"))["code"] == "storage"
    # What runs ends, and is told.
    worker.done(job, job.body)
    assert client.result(running) == "running"
    assert "accepted" not in client.names(waits)

    system.answer()
    client.heard("accepted", id=waits)
    eventually(lambda: server.get("/readyz")[0] == 200, "the disk to be well again")
    client.heard("accepted", id=client.submit("again", queue="nobody"))
    server.crash()
    assert server.metric("acequia_journal_recovered_jobs") == 2


def test_memory_does_not_grow_while_the_disk_does_not_answer(new_server, make, system, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", env=system.env)
    make(Serving(server, slots=50))
    client = make(Client(server))
    client.result(client.submit(0))
    system.hang()
    client.submit("something to write", queue="nobody")
    eventually(lambda: server.get("/readyz")[0] == 503, "the server to notice")
    before = server.process.status("VmRSS")
    for _ in range(100):
        ids = client.submit_many(["x" * 100_000] * 10)
        assert {client.outcome(id)["code"] for id in ids} == {"storage"}
    assert server.process.status("VmRSS") < before + 32 * MIB
    system.answer()
    eventually(lambda: server.get("/readyz")[0] == 200, "the disk to be well again")


def test_outcomes_that_cannot_leave_hold_up_nothing(new_server, make, tmp_path):
    """The disk is full when an outcome is too old, and a group comes before there is room."""
    server = new_server("--retention-s", "1", quiet_ports=True, journal=tmp_path / "jobs.redb",
                        cwd=tmp_path, restore_signals=False)
    client = make(Client(server))
    with Serving(server):
        client.result(client.submit("text", key="kept"))
    server.wait_written()
    fill(server)
    eventually(lambda: server.metric("acequia_journal_writable") == 0, "the outcome not to leave")
    make(Client(server)).send({"op": "hello", "resume": True})
    other = make(Client(server))
    other.send({"op": "hello", "resume": True})
    other.heard("welcome")
    free(server)
    eventually(lambda: server.get("/readyz")[0] == 200, "the disk to be well again")
    client.heard("accepted", id=client.submit("again", queue="nobody"))


def test_the_file_is_short_again_after_a_burst(new_server, make, tmp_path):
    path = tmp_path / "jobs.redb"
    server = new_server("--retention-s", "1", journal=path)
    client = make(Client(server))
    ids = []
    for _ in range(20):
        ids += client.submit_many(["x" * 1_000_000] * 4)
        client.accepted(ids[-4:])
    # This one stays, at the end of the file.
    client.accepted([client.submit("y" * 100_000, queue="nobody")])
    assert path.stat().st_size > 80e6
    with Serving(server, lambda job: b"1", slots=50):
        for id in ids:
            client.result(id)
    # One of 64 MiB may stay as it is: on a slow machine a pause in the middle has made it short before all
    # jobs had left.
    eventually(lambda: path.stat().st_size < 64 << 20, "a short file")
    client.heard("accepted", id=client.submit("goes on", queue="nobody"))
