"""`acequia watch`: a job of somebody else, as `acequia submit` shows its own."""

import signal
import subprocess

import pytest

from harness import Client, Process, acequia, run_acequia
from harness.server import quiet_port
from harness.tokens import SECRET, token

UNKNOWN = "01938c2e-7a3b-7c4d-9e5f-60718293a4b5"


@pytest.fixture
def submitted(client):
    """Submits a job; returns the server's name for it."""
    def submit(payload="x", **fields):
        return client.heard("accepted", id=client.submit(payload, **fields))["job"]

    return submit


def watching(server, job, *args):
    return Process([acequia(), "watch", "--server", server.ws, job, *args], name="watch")


def watch(server, job, *args):
    return run_acequia("watch", "--server", f"http://{server.http}", job, *args)


def test_a_job_until_it_is_done(server, submitted, new_worker):
    job = submitted("hello")
    watched = watching(server, job)
    watched.line(lambda line: f"accepted: job {job}" in line, of="stderr")
    worker = new_worker(name="tortoise")
    run = worker.job()
    watched.line(lambda line: "started by tortoise" in line, of="stderr")
    worker.done(run, b"HELLO", type="text/plain")
    assert watched.wait() == 0
    assert watched.stdout == ["HELLO"]


def test_a_job_that_has_ended_tells_its_outcome(server, submitted, client, new_worker):
    jobs = [submitted(n) for n in range(3)]
    client.cancel(3)
    client.outcome(3)
    worker = new_worker()
    worker.done(worker.job(), b'{"n":0}', type="application/json")
    worker.fail(worker.job(), code="broken", message="no luck")
    client.result(1), client.outcome(2)
    for quiet in ([], ["--quiet"]):
        for _ in range(2):
            assert watch(server, jobs[0], "--json", *quiet)[:2] == (0, b'{"n":0}\n')
    code, out, said = watch(server, jobs[1])
    assert (code, out) == (1, b"") and "broken" in said and "no luck" in said
    code, out, said = watch(server, jobs[2])
    assert (code, out) == (130, b"") and "cancelled" in said


def test_what_came_before_is_no_loss(server, submitted, client, new_worker):
    job = submitted()
    worker = new_worker()
    run = worker.job()
    worker.chunk(run, b"one", type="text/plain")
    client.heard("chunk", n=1)
    watched = watching(server, job)
    watched.line(lambda line: "started" in line, of="stderr")
    worker.chunk(run, b"two\n", type="text/plain")
    watched.line(lambda line: "before partial result 2 is not shown" in line, of="stderr")
    worker.done(run, b"three\n", type="text/plain")
    assert watched.wait() == 0
    assert watched.stdout == ["two", "three"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_the_job_alone(server, submitted, admin, number):
    job = submitted()
    watched = watching(server, job)
    watched.line(lambda line: "accepted" in line, of="stderr")
    watched.signal(number)
    assert watched.wait() == 128 + number
    assert f"job {job} goes on" in watched.stderr[-1]
    assert admin.call("GET", f"jobs/{job}")[1]["state"] == "waiting"


def test_output_that_nobody_reads_leaves_the_job_alone(server, submitted, client, new_worker):
    job = submitted()
    worker = new_worker()
    run = worker.job()
    # `true` has closed its end before there is anything to write.
    pipe = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    pipe.wait()
    watched = subprocess.Popen([acequia(), "watch", "--server", server.ws, job], stdout=pipe.stdin,
                               stderr=subprocess.PIPE, text=True)
    pipe.stdin.close()
    said = watched.stderr.readline()
    while "started" not in said:
        assert said
        said = watched.stderr.readline()
    worker.chunk(run, b"one", type="text/plain")
    assert "cannot write" in watched.communicate(timeout=30)[1] and watched.returncode == 1
    worker.done(run, b"two", type="text/plain")
    client.result(1)


def test_a_job_that_waits_says_so(server, submitted):
    watched = watching(server, submitted())
    watched.line(lambda line: "the job waits" in line and "its queue" in line, of="stderr")


def test_a_server_that_goes(server, submitted):
    job = submitted()
    watched = watching(server, job)
    watched.line(lambda line: "accepted" in line, of="stderr")
    server.kill()
    assert watched.wait() == 4
    assert f"job {job} goes on" in watched.stderr[-1]
    server.start_again()


def test_what_is_not_there(server):
    code, out, said = watch(server, UNKNOWN)
    assert (code, out) == (3, b"") and "not_found" in said, said
    for rubbish in ("", "17", "x" * 36, f"{UNKNOWN}0"):
        code, out, said = watch(server, rubbish)
        assert (code, out) == (2, b"") and "<JOB>" in said, said
    port = quiet_port()
    code, out, said = run_acequia("watch", "--server", f"http://127.0.0.1:{port}", UNKNOWN)
    assert (code, out) == (4, b"") and str(port) in said


def test_jobs_of_another_client_are_not_there(new_server, make, tmp_path):
    def file(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    server = new_server("--client-auth", "jwt", "--jwt-secret-file", file("secret", SECRET))
    alice = make(Client(server, headers={"Authorization": f"Bearer {token(sub='alice')}"}))
    job = alice.accepted([alice.submit("x")])[0]
    watched = watching(server, job, "--token-file", file("alice", token(sub="alice")))
    watched.line(lambda line: "accepted" in line, of="stderr")
    code, _, said = watch(server, job, "--token-file", file("bob", token(sub="bob")))
    assert code == 3 and "not_found" in said, said
    alice.cancel(1)
    assert watched.wait() == 130
    assert watch(server, job)[0] in (3, 4)
