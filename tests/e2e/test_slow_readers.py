"""A client that submits and never reads costs what its mailbox may hold, and nobody else."""

import json
import time

import pytest

from harness import Client, Serving, Steady, Worker, eventually
from harness.raw_ws import RawWebSocket

PEAK_MIB_MAX = 250
MIB = 1 << 20


@pytest.fixture
def steady(server):
    """Others at work, before, during and after what the test does."""
    with Steady(server) as steady:
        yield steady
        steady.go_on()
    peak = server.peak_mib()
    print(f"peak {peak:.0f} MiB, slowest steady round {steady.slowest_s * 1000:.0f} ms")
    assert peak < PEAK_MIB_MAX


def settled(server):
    """All jobs of the queue `large` have ended."""
    return lambda: server.metric("acequia_jobs_running", queue="large") == 0 == server.metric(
        "acequia_queue_depth", queue="large"
    ) and server.metric("acequia_jobs_submitted_total", queue="large") > 0


@pytest.mark.parametrize("size", [100, 100_000, 4 * MIB])
def test_results_that_nobody_reads(server, steady, make, size):
    body = json.dumps("x" * size).encode()
    make(Serving(server, lambda _: body, slots=4, queues=["large"]))
    raw = make(RawWebSocket(server))
    # As many as one client may have, one message each, so that the reading can be stopped.
    raw.socket.settimeout(2)
    sent = 0
    try:
        for n in range(10_000 if size < MIB else 200):
            if not raw.send({"op": "submit", "id": n, "payload": 1, "queue": "large"}):
                break
            sent += 1
    except TimeoutError:
        pass  # it is not read from any more: as good
    print(f"{sent} jobs were sent")
    steady.go_on()
    eventually(settled(server), "the end of the jobs")
    if size >= MIB:
        # More than a mailbox may ever hold: the session was ended.
        eventually(lambda: server.metric("acequia_sessions") == 1, "the end of the session")


def test_it_is_closed_with_its_code(server, steady, make):
    """Once it reads, what had left before and then why it was closed; nothing of the rest."""
    body = json.dumps("x" * 4 * MIB).encode()
    make(Serving(server, lambda _: body, slots=4, queues=["large"]))
    raw = make(RawWebSocket(server))
    # In one message: the session is not read from once much waits for it.
    raw.send([{"op": "submit", "id": n, "payload": 1, "queue": "large"} for n in range(40)])
    server.process.line(lambda line: "does not read" in line, of="stderr")
    assert raw.close_code() == 4008
    eventually(lambda: server.metric("acequia_sessions") == 1, "the end of the session")
    eventually(settled(server), "the end of the jobs")


def test_chunks_that_nobody_reads(server, steady, make):
    """Progress and chunks are given up, and said to be; the outcome is kept."""
    worker = make(Worker(server, queues=["large"]))
    raw = make(RawWebSocket(server))
    raw.send({"op": "submit", "id": 1, "payload": 1, "queue": "large"})
    job = worker.job()
    chunk = json.dumps("x" * 10_000).encode()
    for n in range(5000):
        worker.progress(job, done=n)
        worker.chunk(job, chunk)
    worker.done(job, b'"the end"')
    eventually(settled(server), "the end of the job")
    steady.go_on()
    chunks, missed, event = 0, 0, {}
    while event.get("ev") != "done":
        event = raw.event()
        chunks += event["ev"] in ("chunk", "progress")
        missed += event["missed"] if event["ev"] == "gap" else 0
    assert event["result"] == "the end"
    assert missed > 0 and chunks + missed == 10_000


def test_messages_that_nobody_reads(server, steady, make):
    raws = [make(RawWebSocket(server)) for _ in range(20)]
    for raw in raws:
        raw.send({"op": "subscribe", "topic": "news"})
        assert raw.lives()
    reader = make(Client(server))
    reader.send({"op": "subscribe", "topic": "news"})
    reader.barrier()
    worker = make(Worker(server, queues=["large"]))
    server.wait_workers(2)
    text = json.dumps("x" * 100_000).encode()
    for n in range(1, 301):
        worker.publish("news", text)
        # One that reads misses nothing.
        reader.heard("message", nth=n)
    steady.go_on()


def test_many_slow_readers(server, steady, make):
    """Each holds no more than its mailbox, although all ask for the same."""
    body = json.dumps("x" * 100_000).encode()
    make(Serving(server, lambda _: body, slots=4, queues=["large"]))
    raws = [make(RawWebSocket(server)) for _ in range(10)]
    for raw in raws:
        raw.send([{"op": "submit", "id": n, "payload": 1, "queue": "large"} for n in range(40)])
    started = time.monotonic()
    eventually(settled(server), "the end of the jobs")
    print(f"400 results of 100 KB took {time.monotonic() - started:.1f} s")
    for raw in raws:
        done = 0
        while done < 40:
            done += raw.event()["ev"] == "done"


def test_small_results_beside_large_ones(server, steady, make):
    """What waits for one client costs what it weighs, whatever came in the same message."""
    reader, raw = make(Client(server)), make(RawWebSocket(server))
    worker = make(Worker(server, slots=100, queues=["large"]))
    large, small = json.dumps("x" * MIB).encode(), b"1"
    for n in range(60):  # its socket is full then, and what follows waits in its mailbox
        raw.send({"op": "submit", "id": f"first {n}", "payload": 1, "queue": "large"})
        worker.done(worker.job(), json.dumps("x" * 100_000).encode())
    for n in range(300):
        raw.send({"op": "submit", "id": n, "payload": 1, "queue": "large"})
        unread = worker.job()
        id = reader.submit(1, queue="large")
        read = worker.job()
        worker.results.send_multipart([b"done", unread.id, b"", small, b"done", read.id, b"", large])
        reader.result(id)
        reader.events.clear()


@pytest.mark.parametrize("kind", ["spaces", "ops"])
def test_small_payloads_of_large_messages(server, steady, make, kind):
    """A job costs what its payload weighs, whatever came in the same message."""
    raw = make(RawWebSocket(server, "json" if kind == "spaces" else "msgpack"))
    for n in range(150):
        job = {"op": "submit", "id": n, "payload": 1, "delay_ms": 1_000_000}
        if kind == "spaces":
            raw.send_frame(json.dumps(job).encode().ljust(4 * MIB - 1))
        else:
            raw.send([job, {"op": "submit", "id": "too large", "payload": bytes(3 * MIB)}])
    assert raw.lives()
    raw.close()
