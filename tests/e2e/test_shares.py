"""No client takes what all share, also not over a restart: while one holds all that it gets, another works."""

import json

import pytest

from harness import Client, Serving, Worker, eventually

MONTH_MS = 30 * 24 * 60 * 60 * 1000

POOLS = {
    "payloads": (["--payloads-bytes", "4000000"], lambda n: {"payload": "x" * 50_000}, 39),
    "waiting": (["--waiting-jobs", "100"], lambda n: {"payload": n}, 50),
    "of a queue": (["--queue-jobs", "100"], lambda n: {"payload": n}, 50),
    "names": ([], lambda n: {"payload": n, "queue": f"name-{n}"}, 5_000),
}


def fill(client, spec, first, count):
    """Submits until the server refuses; returns how many it took."""
    client.send([{"op": "submit", "id": n, "delay_ms": MONTH_MS, **spec(n)} for n in range(first, first + count)])
    answers = [client.heard(id=n) for n in range(first, first + count)]
    for refused in (event for event in answers if event["ev"] == "rejected"):
        assert refused["code"] == "queue_full" and refused["retry_after_ms"] > 0
        assert "may not have more than is left for all others" in refused["message"]
    return sum(event["ev"] == "accepted" for event in answers)


@pytest.mark.parametrize("pool", POOLS)
def test_one_who_takes_all_leaves_half_over_a_restart(new_server, make, tmp_path, pool):
    flags, spec, half = POOLS[pool]
    server = new_server(*flags, quiet_ports=True, journal=tmp_path / "jobs.redb")
    greedy = make(Client(server))
    assert sum(fill(greedy, spec, first, 60) for first in range(0, half + 20, 60)) == half
    for _ in range(2):
        with Serving(server, queues=["default", "quick", "name-0"]), Client(server) as modest:
            for nth in range(3):
                id = modest.submit("x" * 1_000, queue="quick" if pool != "of a queue" else "default")
                assert modest.result(id) == "x" * 1_000
            later = modest.submit("later", queue="mine" if pool == "names" else "default", delay_ms=MONTH_MS)
            modest.heard("accepted", id=later)
        server.kill()
        server.start_again()


def test_outcomes_and_dead_letters_of_one_are_not_driven_out_by_another(new_server, make):
    server = new_server("--retained-jobs", "20", "--dead-letters", "20")
    modest, greedy = make(Client(server)), make(Client(server))
    worker = make(Worker(server))
    for client, count in ((modest, 3), (greedy, 60)):
        for nth in range(count):
            client.submit(nth, id=f"{count}-{nth}", key=f"key-{nth}")
            job = worker.job()
            worker.fail(job) if nth % 2 else worker.done(job, job.body)
            client.outcome(f"{count}-{nth}")
    again = [modest.outcome(modest.submit(nth, key=f"key-{nth}")) for nth in range(3)]
    assert [event["ev"] for event in again] == ["done", "failed", "done"]
    assert eventually(lambda: server.total("acequia_dead_letters") == 20)
