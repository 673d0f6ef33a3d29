"""No client starves another, however much it submits; also with what it submitted before a crash."""

import json

import pytest

from harness import Client, Worker

MANY = 20_000
FEW = 3


@pytest.mark.parametrize("journal, crash", [(False, False), (True, False), (True, True)])
def test_one_job_beside_twenty_thousand(new_server, make, tmp_path, journal, crash):
    path = tmp_path / "jobs.redb" if journal else "none"
    server = new_server("--client-jobs", MANY, quiet_ports=True, journal=path)
    greedy = make(Client(server))
    for half in range(2):
        greedy.submit_many(list(range(half, MANY, 2)))
    # No worker is there: each event is an `accepted`.
    greedy.wait(lambda events: len(events) >= MANY, "all to be accepted")
    assert {event["ev"] for event in greedy.events} == {"accepted"}
    if crash:
        server.kill()
        server.start_again()
    assert server.total("acequia_queue_depth") == MANY

    modest = make(Client(server))
    worker = None
    for text in ("before all others", "among them", "once more"):
        id = modest.submit(text)
        modest.heard("accepted", id=id)
        worker = worker or make(Worker(server))
        passed = 0
        while (value := json.loads((job := worker.job()).body)) != text:
            passed += 1
            worker.done(job, job.body)
            assert isinstance(value, int) and passed <= FEW, "others go first, again and again"
        worker.done(job, job.body)
        assert modest.result(id) == text
        for _ in range(50):
            job = worker.job()
            worker.done(job, job.body)
