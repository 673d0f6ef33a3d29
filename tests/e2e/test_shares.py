"""No client takes what all share, also not over a restart: while one holds all that it gets, another works."""

import pytest

from harness import Client, Serving

MONTH_MS = 30 * 24 * 60 * 60 * 1000

POOLS = {
    "payloads": (["--payloads-bytes", "4000000"], lambda n: {"payload": "x" * 50_000}, 39),
    "waiting": (["--waiting-jobs", "100"], lambda n: {"payload": n}, 50),
    "of a queue": (["--queue-jobs", "100"], lambda n: {"payload": n}, 50),
    "names": ([], lambda n: {"payload": n, "queue": f"name-{n}"}, 5_000),
}


def fill(client, spec, first, count):
    """Submits until the server refuses; returns how many it took."""
    def answers(events):
        return [event for event in events if event["ev"] in ("accepted", "rejected")]

    before = len(answers(client.events))
    client.send([{"op": "submit", "id": n, "delay_ms": MONTH_MS, **spec(n)} for n in range(first, first + count)])
    client.wait(lambda events: len(answers(events)) == before + count, "all to be answered")
    answered = answers(client.events)[before:]
    for refused in (event for event in answered if event["ev"] == "rejected"):
        assert refused["code"] == "queue_full" and refused["retry_after_ms"] > 0
        assert "may not have more than is left for all others" in refused["message"]
    return sum(event["ev"] == "accepted" for event in answered)


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

