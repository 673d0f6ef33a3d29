"""Who does not read, or says too much, costs a door and its owner what may wait for it, and nobody else."""

import json

import pytest
import zmq

from harness import Client, Serving, Steady, Worker, eventually
from harness.raw_ws import RawWebSocket

PEAK_MIB_MAX = 250
MIB = 1 << 20


@pytest.fixture
def steady(doors):
    """Others at work, at the door where somebody misbehaves and at another, before, during and after that."""
    owner, here, there = doors
    with Steady(here, queue="steady-here") as near, Steady(there, queue="steady-there") as far:
        yield near, far
        near.go_on()
        far.go_on()
    for server in doors:
        assert server.peak_mib() < PEAK_MIB_MAX, server.process.log()


def go_on(steady):
    for one in steady:
        one.go_on()


def settled(owner):
    """All jobs of the queue `large` have ended."""
    return lambda: owner.metric("acequia_jobs_running", queue="large") == 0 == owner.metric(
        "acequia_queue_depth", queue="large"
    ) and owner.metric("acequia_jobs_submitted_total", queue="large") > 0


@pytest.mark.parametrize("size", [100, 100_000, 4 * MIB])
def test_results_that_nobody_reads(doors, steady, make, size):
    owner, here, there = doors
    body = json.dumps("x" * size).encode()
    make(Serving(there, lambda _: body, slots=4, queues=["large"]))
    raw = make(RawWebSocket(here))
    raw.socket.settimeout(2)
    try:
        for n in range(10_000 if size < MIB else 200):
            if not raw.send({"op": "submit", "id": n, "payload": 1, "queue": "large"}):
                break
    except TimeoutError:
        pass  # it is not read from any more: as good
    go_on(steady)
    eventually(settled(owner), "the end of the jobs")
    if size >= MIB:
        # More than a mailbox may ever hold: the session was ended.
        eventually(lambda: here.metric("acequia_door_sessions") == 1, "the end of the session")


def test_it_is_closed_with_its_code(doors, steady, make):
    owner, here, there = doors
    body = json.dumps("x" * 4 * MIB).encode()
    make(Serving(there, lambda _: body, slots=4, queues=["large"]))
    raw = make(RawWebSocket(here))
    raw.send([{"op": "submit", "id": n, "payload": 1, "queue": "large"} for n in range(40)])
    owner.process.line(lambda line: "does not read" in line, of="stderr")
    assert raw.close_code() == 4008
    eventually(lambda: here.metric("acequia_door_sessions") == 1, "the end of the session")


def test_chunks_that_nobody_reads(doors, steady, make):
    """Progress and chunks are given up, and said to be; the outcome is kept."""
    owner, here, there = doors
    worker = make(Worker(there, queues=["large"]))
    raw = make(RawWebSocket(here))
    raw.send({"op": "submit", "id": 1, "payload": 1, "queue": "large"})
    job = worker.job()
    chunk = json.dumps("x" * 10_000).encode()
    for n in range(5000):
        worker.progress(job, done=n)
        worker.chunk(job, chunk)
    worker.done(job, b'"the end"')
    eventually(settled(owner), "the end of the job")
    go_on(steady)
    chunks, missed, event = 0, 0, {}
    while event.get("ev") != "done":
        event = raw.event()
        chunks += event["ev"] in ("chunk", "progress")
        missed += event["missed"] if event["ev"] == "gap" else 0
    assert event["result"] == "the end"
    assert missed > 0 and chunks + missed == 10_000


def test_many_slow_readers(doors, steady, make):
    """Each holds no more than its mailbox, although all ask for the same."""
    owner, here, there = doors
    body = json.dumps("x" * 100_000).encode()
    make(Serving(there, lambda _: body, slots=4, queues=["large"]))
    raws = [make(RawWebSocket(here)) for _ in range(10)]
    for raw in raws:
        raw.send([{"op": "submit", "id": n, "payload": 1, "queue": "large"} for n in range(40)])
    eventually(settled(owner), "the end of the jobs")
    for raw in raws:
        done = 0
        while done < 40:
            done += raw.event()["ev"] == "done"


def test_large_results_hold_up_no_small_ones(doors, steady, make):
    """A client that reads 8 MiB after 8 MiB, beside many that are served at the same door."""
    owner, here, there = doors
    body = json.dumps("x" * (8 * MIB - 2)).encode()
    make(Serving(there, lambda _: body, slots=2, queues=["large"]))
    client = make(Client(here))
    for _ in range(10):
        assert len(client.result(client.submit(1, queue="large"))) == 8 * MIB - 2
        client.events.clear()
    go_on(steady)


def test_a_worker_that_talks_while_its_owner_is_away(new_owner, new_door, make, tmp_path):
    """It is not read from any more, and goes on where it was once there is an owner."""
    owner = new_owner(journal=tmp_path / "jobs.redb")
    door = new_door(owner)
    client, worker = make(Client(door)), make(Worker(door))
    client.send({"op": "hello", "resume": True})
    client.accepted([client.submit("text", id="text")])
    job = worker.job()
    worker.progress(job, note="it begins")
    client.heard("progress", id="text")
    owner.wait_written()
    owner.kill()
    door.wait_linked(False)
    chunk, sent = json.dumps("x" * 100_000).encode(), 0
    # Until nothing more is taken; libzmq keeps some of it.
    while sent < 3000 and worker.results.poll(2000, zmq.POLLOUT):
        worker.chunk(job, chunk)
        sent += 1
    assert sent < 3000, "all of it was taken"
    assert door.peak_mib() < PEAK_MIB_MAX
    owner.start_again()
    worker.done(job, b'"done"')
    assert client.result("text") == "done"
    assert door.peak_mib() < PEAK_MIB_MAX and owner.peak_mib() < PEAK_MIB_MAX


def test_clients_that_talk_while_their_owner_is_away(new_owner, new_door, make):
    """Likewise."""
    owner = new_owner()
    door = new_door(owner)
    raws = [make(RawWebSocket(door)) for _ in range(5)]
    for raw in raws:
        raw.send({"op": "hello", "resume": True})
        assert raw.event()["ev"] == "welcome"
        raw.socket.settimeout(2)
    owner.kill()
    door.wait_linked(False)
    job = {"op": "submit", "payload": "x" * (MIB - 10), "delay_ms": 1_000_000}
    for raw in raws:
        with pytest.raises(TimeoutError):  # it is not read from any more
            for n in range(100):
                raw.send({**job, "id": n})
    assert door.peak_mib() < PEAK_MIB_MAX


def test_an_owner_that_is_held_up(doors, make):
    """For a time that is not noticed: what is said meanwhile waits, and is not kept beyond measure."""
    owner, here, there = doors
    make(Serving(there, slots=8))
    clients = [make(Client(here)) for _ in range(4)]
    owner.pause()
    ids = [client.submit_many(["x" * 100_000] * 30) for client in clients]
    owner.resume()
    for client, ids in zip(clients, ids, strict=True):
        assert all(client.result(id) for id in ids)
    assert (owner.metric("acequia_links"), here.metric("acequia_door_linked")) == (2, 1)
