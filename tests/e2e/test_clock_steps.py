"""The clock of the system is set while a server runs, or while none does: nothing gets older by it."""

import time

import pytest

from harness import Client, Serving, Worker, eventually
from harness.preload import Preload

HOURS = 3600
STEPS = [2 * HOURS, -2 * HOURS]


@pytest.fixture
def system(tmp_path):
    return Preload(tmp_path)


@pytest.fixture
def server(new_server, tmp_path, system):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb", env=system.env)


def begin(server, last=0, secret=True):
    client = Client(server)
    client.send({"op": "hello", "resume": secret, "last": last} if last or secret is not True
                else {"op": "hello", "resume": True})
    return client, client.heard("welcome")


def last_of(client):
    return max((event["seq"] for event in list(client.events) if "seq" in event), default=0)


def restart(server, system, when, step, set_it):
    """Restarts the server, around a step of the clock."""
    if when == "running":
        set_it()
        server.wait_written()
    server.kill()
    if when == "stopped":
        set_it()
    server.start_again()


@pytest.mark.parametrize("ends", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_who_comes_back_is_told_of_what_ended(server, system, step, ends):
    client, welcome = begin(server)
    client.submit("text", id=1, key="order")
    name = client.heard("accepted", id=1)["job"]
    last = last_of(client)
    client.close()
    if ends == "after":
        system.set_clock(step)
    with Serving(server, lambda job: b"1"):
        eventually(lambda: server.total("acequia_jobs_ended_total") == 1, "its end")
        server.wait_written()
    if ends == "before":
        system.set_clock(step)
    assert server.stop() is not None
    server.start_again()
    client, back = begin(server, last, welcome["session"])
    with client:
        assert back["resumed"] is True
        assert client.outcome(1)["ev"] == "done"
        # Nor does its key run again.
        again = client.submit("text", key="order")
        assert client.outcome(again)["job"] == name


@pytest.mark.parametrize("when", ["running", "stopped"])
@pytest.mark.parametrize("step", STEPS)
def test_delays_and_times_to_live_stay(server, system, make, when, step):
    client = make(Client(server))
    late = client.submit("late", delay_ms=HOURS * 1000)
    lives = client.submit("lives", queue="lives", ttl_ms=HOURS * 1000)
    soon = client.submit("soon", queue="soon", delay_ms=1500)
    dies = client.submit("dies", queue="dies", ttl_ms=1500, key="dies")
    client.accepted([late, lives, soon, dies])
    restart(server, system, when, step, lambda: system.set_clock(step))
    # It is not late, and what is due comes.
    worker = make(Worker(server, slots=4, queues=["default", "lives", "soon"]))
    assert sorted(worker.job().body for _ in range(2)) == [b'"lives"', b'"soon"']
    assert not worker.at_hand()
    eventually(lambda: server.metric("acequia_jobs_ended_total", queue="dies", outcome="failed") == 1, "its end")


def test_sessions_of_another_life_are_nobody_else_s(server, system, make):
    """Their numbers are not given again to whoever connects when the clock was set back."""
    client, welcome = begin(server)
    client.submit("text", id="mine", queue="nobody")
    client.heard("accepted", id="mine")
    last = last_of(client)
    system.set_clock(-2 * HOURS)
    server.kill()
    client.wait_closed()
    server.start_again()
    others = [begin(server) for _ in range(5)]
    for other, _ in others:
        other.submit("text", id="theirs", queue="nobody")
        other.heard("accepted", id="theirs")
    make(Serving(server, queues=["nobody"]))
    client, back = begin(server, last, welcome["session"])
    assert back["resumed"] is True
    assert client.result("mine") == "text"
    assert all(event["seq"] > last for event in list(client.events) if "seq" in event)
    client.close()
    for other, _ in others:
        assert other.result("theirs") == "text"
        assert not other.names("mine")
        other.close()


def test_a_session_is_there_as_soon_as_an_outcome_of_it_was_told(new_server, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    for _ in range(10):
        with Serving(server, lambda job: b"1"):
            server.wait_workers(1)
            client = Client(server)
            client.send([{"op": "hello", "resume": True}, {"op": "submit", "id": 1, "payload": 1}])
            client.outcome(1)
            server.kill()
        secret = client.heard("welcome")["session"]
        client.wait_closed()
        server.start_again()
        again, back = begin(server, last_of(client), secret)
        with again:
            assert back["resumed"] is True
            again.barrier()
            assert not again.names(1), "it was told"


def test_what_is_too_old_to_be_told_is_named(new_server, tmp_path):
    """Also by a server after the one that it ended with."""
    server = new_server("--retention-s", "1", quiet_ports=True, journal=tmp_path / "jobs.redb")
    client, welcome = begin(server)
    client.submit("text", id=1)
    name = client.heard("accepted", id=1)["job"]
    last = last_of(client)
    client.close()
    with Serving(server, lambda job: b"1"):
        eventually(lambda: server.total("acequia_jobs_ended_total") == 1, "its end")
    ended = time.monotonic()
    server.wait_written()
    # Another outcome, not of a session, tells when that time is over.
    eventually(lambda: time.monotonic() > ended + 1.5, "more than its time")
    server.kill()
    server.start_again()
    client, back = begin(server, last, welcome["session"])
    with client:
        assert back["resumed"] is True
        gap = client.heard("gap")
        assert gap["id"] == 1 and gap["job"] == name
