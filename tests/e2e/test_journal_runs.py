"""What a job has been through, and what is still before it, goes on after a crash of the server."""

import json
import time

import pytest

from harness import Client, Serving, Worker, eventually


@pytest.fixture
def server(new_server, tmp_path):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", cwd=tmp_path)


@pytest.fixture
def client(server, make):
    return make(Client(server))


def test_a_delay_goes_on(server, client, make, admin):
    delay_ms, submitted = 2500, time.time()
    later, now = client.submit("later", delay_ms=delay_ms), client.submit("now")
    jobs = client.accepted([later, now])
    server.crash()
    assert admin.job(jobs[0])["state"] == "delayed"
    ran = []
    make(Serving(server, lambda job: ran.append((json.loads(job.body), time.time())) or job.body))
    admin.ended(jobs[1])
    server.wait_written()
    server.crash()
    admin.ended(jobs[0])
    assert [text for text, _ in ran] == ["now", "later"]
    assert ran[1][1] - submitted > delay_ms / 1000 - 0.01


def test_a_delay_that_passes_while_no_server_runs(server, client, make, admin):
    job, = client.accepted([client.submit("later", delay_ms=300)])
    server.kill()
    time.sleep(0.4)  # nothing to wait for: the time itself is what has to pass
    server.start_again()
    make(Serving(server))
    assert admin.ended(job)["state"] == "done"


def test_a_time_to_live_ends_also_while_no_server_runs(server, client, make, admin):
    stale, fresh = client.accepted([client.submit("stale", ttl_ms=300), client.submit("fresh", ttl_ms=600_000)])
    server.kill()
    time.sleep(0.4)  # as above
    server.start_again()
    ran = []
    make(Serving(server, lambda job: ran.append(json.loads(job.body)) or job.body))
    found = admin.ended(stale)
    assert (found["state"], found["code"]) == ("failed", "expired")
    assert "300 ms" in found["message"]
    assert admin.ended(fresh)["state"] == "done"
    assert ran == ["fresh"]


@pytest.mark.parametrize("restarts_after", [1, 2])
def test_attempts_go_on(server, client, make, admin, restarts_after):
    """Three runs with growing gaps in all, wherever the server is killed between them."""
    job, = client.accepted([client.submit("text", attempts=3)])
    failed_at = []
    for attempt in range(1, 4):
        worker = make(Worker(server))
        message = worker.job()
        began = time.time()
        assert (message.name, message.head["attempt"]) == (job, attempt)
        if failed_at:
            # 100 to 300 ms for the first gap, twice that for the second.
            assert began - failed_at[-1] > 0.1 * 2 ** (attempt - 2) - 0.01
        failed_at.append(time.time())
        worker.fail(message, code="no_luck", message=f"try {attempt}")
        if attempt < 3:
            eventually(lambda: admin.job(job)["state"] == "delayed", "the gap")
            server.wait_written()
        worker.close()
        if attempt == restarts_after:
            server.crash()
    found = admin.ended(job)
    assert (found["state"], found["code"], found["message"], found["attempt"]) == ("failed", "no_luck", "try 3", 3)


@pytest.mark.parametrize("restarts_after", [{1}, {2, 3}, {1, 2, 3}])
def test_a_poison_job_ends_also_across_restarts(server, client, make, admin, restarts_after):
    job, = client.accepted([client.submit("poison")])
    for attempt in range(1, 5):
        worker = make(Worker(server))
        assert worker.job().head["attempt"] == attempt
        worker.close()
        if attempt < 4:
            eventually(lambda: admin.job(job)["state"] == "waiting", "the loss to be seen")
            server.wait_written()
        if attempt in restarts_after:
            server.crash()
    found = admin.ended(job)
    assert (found["state"], found["code"], found["attempt"]) == ("failed", "worker_lost", 4)
