"""SIGTERM: what runs may end, everybody is told, and the exit code is 0."""

import signal
import time

import pytest

from harness import Client, Server, Serving, Worker
from harness.raw_ws import RawWebSocket


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_jobs_end_and_all_are_told(make, encoding, number):
    server = Server("--grace-s", "30")
    client, other = make(Client(server, encoding)), make(Client(server))
    worker = make(Worker(server, slots=2))
    running = client.submit("running")
    job = worker.job()
    server.process.signal(number)
    bye = worker.expect("bye")
    assert bye.id == worker.lane and bye.head["reason"]

    # It still answers, and says that it is about to go.
    assert server.get("/healthz")[0] == 200
    status, _, text = server.get("/readyz")
    assert status == 503 and "drain" in text
    late = other.submit("too late")
    rejected = other.outcome(late)
    assert (rejected["ev"], rejected["code"]) == ("rejected", "draining")
    assert rejected["retry_after_ms"] > 0
    assert not worker.at_hand()

    worker.progress(job, note="nearly")
    client.heard("progress", id=running)
    worker.done(job, b'"finished"' if encoding == "json" else b"\xa8finished")
    assert client.result(running) == "finished"
    for each in (client, other):
        goodbye = each.heard("bye")
        assert goodbye["reason"] and 0 < goodbye["reconnect_in_ms"] < 60_000
        assert each.wait_closed() == 1001
        assert each.events[-1]["ev"] == "bye"
    assert server.process.wait() == 0
    assert not any("panicked" in line for line in server.process.stderr)


def test_the_grace_time_is_a_limit(make):
    server = Server("--grace-s", "1")
    client, worker = make(Client(server)), make(Worker(server))
    client.submit("never ends")
    worker.job()
    stopping = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - stopping > 0.9
    client.heard("bye")


def test_an_idle_server_stops_at_once(make):
    server = Server()
    clients = [make(Client(server)) for _ in range(50)]
    make(Worker(server))
    stopping = time.monotonic()
    assert server.stop() == 0
    took = time.monotonic() - stopping
    print(f"stopped after {took * 1000:.0f} ms")
    assert took < 5  # and not after the 10 s of grace
    pauses = {client.heard("bye")["reconnect_in_ms"] for client in clients}
    assert len(pauses) > 25, "they should not all come back at once"


def test_waiting_jobs_do_not_hold_it_up(make):
    server = Server()
    client = make(Client(server))
    ids = client.submit_many(list(range(100)), queue="nobody")
    client.heard("accepted", id=ids[-1])
    assert server.stop() == 0
    client.heard("bye")


@pytest.mark.not_at_door("an owner that stops leaves the runs of a door to the next owner")
def test_under_load_everything_accepted_ends_once(make, new_server, tmp_path):
    """500 jobs are in flight; some end in the grace time, the rest with the server that comes after."""
    server = new_server("--grace-s", "1", quiet_ports=True, journal=tmp_path / "jobs.redb")
    clients = [make(Client(server)) for _ in range(10)]
    for client in clients:
        client.send({"op": "hello", "resume": True})
    secrets = [client.heard("welcome")["session"] for client in clients]
    make(Serving(server, slots=200, queues=["quick"]))
    held = make(Worker(server, slots=50, queues=["held"]))
    ids = [client.submit_many(range(40), queue="quick") + client.submit_many(range(10), queue="held")
           for client in clients]
    for client, own in zip(clients, ids, strict=True):
        client.heard("accepted", id=own[-1])
    held_jobs = [held.job() for _ in range(50)]
    server.process.signal(signal.SIGTERM)
    held.expect("bye")
    # Ten end while it waits, the others it does not wait for.
    for job in held_jobs[:10]:
        held.done(job, job.body)
    assert server.process.wait() == 0
    for client in clients:
        assert client.wait_closed() == 1001
    held.close()
    server.start_again()
    make(Serving(server, slots=50, queues=["held", "quick"]))
    pauses = {client.heard("bye")["reconnect_in_ms"] for client in clients}
    assert len(pauses) > 5, "they should not all come back at once"
    for client, secret, own in zip(clients, secrets, ids, strict=True):
        last = max(event.get("seq", 0) for event in client.events)
        again = make(Client(server))
        again.send({"op": "hello", "resume": secret, "last": last})
        assert again.heard("welcome")["resumed"] is True
        before = [event["id"] for event in client.events if event["ev"] == "done"]
        again.outcomes(len(own) - len(before))
        again.barrier()
        after = [event["id"] for event in again.events if event["ev"] == "done"]
        assert sorted(before + after) == own, "each of its jobs once"


def test_a_second_signal_ends_it_at_once(make):
    server = Server("--grace-s", "600")
    client, worker = make(Client(server)), make(Worker(server))
    client.submit("never ends")
    worker.job()
    server.process.signal(signal.SIGTERM)
    worker.expect("bye")
    server.process.signal(signal.SIGTERM)
    assert server.process.wait() == 130


def test_a_client_that_does_not_read_its_goodbye(make):
    server = Server()
    make(RawWebSocket(server))
    assert server.stop() == 0


def test_a_signal_right_after_the_ready_line():
    """Whoever was told that it is ready may stop it as agreed."""
    assert [Server().stop() for _ in range(10)] == [0] * 10
