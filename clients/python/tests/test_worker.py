"""Workers against the real server."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from acequia import Failure, Reply, Worker, WorkerError

from harness import Client, Server
from harness import Worker as Silent

import work


# Beside the Python that runs the tests.
COMMAND = Path(sys.executable).with_name("acequia-worker")


def served(name, function, **options):
    return lambda worker: worker.queue(name, **options)(function)


@pytest.mark.parametrize(("returned", "result"), [
    ({"a": [1, None, "é"]}, {"a": [1, None, "é"]}),
    (None, None),
    ("text", "text"),
    ("\ud83d", "\ud83d"),
    (b"\xff", {"$base64": "/w=="}),
    (Reply(b"\x89PNG", "image/png"), {"$base64": "iVBORw=="}),
    (Reply.text("grüße"), "grüße"),
    (Reply.json([1]), [1]),
    (Reply.same(b"{}"), {}),
    (Reply.msgpack({"a": 1}), {"$base64": "gaFhAQ=="}),
], ids=repr)
def test_what_a_handler_returns_is_the_result(client, new_worker, returned, result):
    new_worker(served("default", lambda job: returned))
    assert client.result(client.submit(1)) == result


def test_a_job_of_messagepack_is_answered_in_it(new_client, new_worker):
    new_worker(served("default", lambda job: [job.type, job.data, 2]))
    client = new_client("msgpack")
    assert client.result(client.submit({"a": 1})) == ["application/msgpack", {"a": 1}, 2]
    new_worker(served("bytes", lambda job: job.data[::-1]))
    assert client.result(client.submit(b"\x01\x02", queue="bytes")) == b"\x02\x01"


def raises(error):
    def handler(job):
        raise error

    return handler


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(("error", "code", "message"), [
    (ValueError("boom"), "worker_error", "boom"),
    (ValueError(), "worker_error", "ValueError"),
    (KeyError("a"), "worker_error", "KeyError: 'a'"),
    (ValueError("caf\udce9"), "worker_error", "caf\ufffd"),
    (ValueError(b"caf\xe9"), "worker_error", "caf\ufffd"),
    (ValueError("é" * 10_000), "worker_error", "é" * 2048),
    (Unspeakable(), "worker_error", "Unspeakable"),
    (SystemExit(3), "worker_error", "SystemExit: 3"),
    (KeyboardInterrupt(), "worker_error", "KeyboardInterrupt"),
    (Failure("no picture", code="no_image", retry=False), "no_image", "no picture"),
    (Failure("x" * 5000, code="c" * 70), "c" * 64, "x" * 4096),
], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_what_a_handler_raises_fails_the_job(client, new_worker, kind, error, code, message):
    handler = raises(error)

    async def coroutine(job):
        handler(job)

    new_worker(served("default", handler if kind == "function" else coroutine))
    for _ in range(2):  # and the worker goes on
        outcome = client.outcome(client.submit(1))
        assert (outcome["ev"], outcome["code"], outcome["message"]) == ("failed", code, message)


@pytest.mark.parametrize("returned", [object(), float("nan"), {1: {2}}, Reply(b"", "t" * 129)], ids=repr)
def test_a_result_that_cannot_be_sent_fails_the_job(client, new_worker, returned):
    new_worker(served("default", lambda job: returned))
    outcome = client.outcome(client.submit(1, attempts=3))
    assert (outcome["code"], outcome["attempt"]) == ("bad_result", 1)


def test_a_payload_that_is_not_what_is_expected(client, new_worker):
    new_worker(served("default", lambda job: job.msgpack()))
    outcome = client.outcome(client.submit({"a": 1}, attempts=3))
    assert (outcome["code"], outcome["attempt"]) == ("bad_input", 1)
    assert "application/json" in outcome["message"]


def test_retry_says_whether_a_job_runs_again(client, new_worker):
    def handler(job):
        if job.attempt == 1:
            raise Failure("not yet", code="later")
        return job.attempt

    new_worker(served("default", handler))
    id = client.submit(1, attempts=2)
    assert client.result(id) == 2
    assert client.heard("retrying", id=id)["code"] == "later"


async def asays(job):
    job.progress(1, 2, "half")
    job.progress(float("nan"), None)
    await job.achunk("part")
    await job.achunk(b"\0")
    await job.apublish("news", {"of": job.queue})
    return "all"


@pytest.mark.parametrize(("function", "options"), [
    (work.says, {}), (asays, {}), (work.says, {"processes": True}),
], ids=["thread", "loop", "process"])
def test_progress_chunks_and_what_is_published(client, new_worker, function, options):
    new_worker(served("default", function, **options))
    client.send({"op": "subscribe", "topic": "news"})
    id = client.submit(1)
    assert client.result(id) == "all"
    assert client.heard("message", topic="news")["data"] == {"of": "default"}
    heard = [event for event in client.of(id) if event["ev"] in ("progress", "chunk")]
    assert [(e["ev"], e.get("done"), e.get("total"), e.get("note")) for e in heard[:2]] == [
        ("progress", 1, 2, "half"), ("progress", None, None, None),
    ]
    assert [(e["n"], e["data"]) for e in heard[2:]] == [(1, "part"), (2, {"$base64": "AA=="})]


def test_a_topic_that_can_not_be(client, new_worker):
    new_worker(served("default", lambda job: job.publish("é" * 65, 1)))
    outcome = client.outcome(client.submit(1))
    assert (outcome["code"], "130" in outcome["message"]) == ("bad_topic", True)


def test_a_job_says_what_it_is(client, new_worker):
    new_worker(served("default", lambda job: [
        job.id, job.queue, job.attempt, job.type, job.timeout_ms, job.traceparent, len(job.payload),
    ]))
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    id = client.submit("x", timeout_ms=5000, traceparent=trace)
    job, queue, attempt, type, timeout_ms, traceparent, size = client.result(id)
    assert (queue, attempt, type, timeout_ms, size) == ("default", 1, "application/json", 5000, 3)
    assert job == client.outcome(id)["job"]
    assert traceparent.startswith(trace[:36]) and traceparent != trace


def test_a_coroutine_is_cancelled_with_its_job(client, new_worker):
    async def wait(job):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await job.apublish("gone", job.cancelled)
            raise

    new_worker(served("default", wait))
    client.send({"op": "subscribe", "topic": "gone"})
    id = client.submit(1)
    client.heard("started", id=id)
    client.cancel(id)
    assert client.heard("message", topic="gone")["data"] is True
    # Its slot is free.
    id = client.submit(2)
    client.heard("started", id=id)
    client.cancel(id)


def test_jobs_that_wait_run_side_by_side(client, new_worker):
    """Also once quick jobs have had one thread share them."""
    together = threading.Barrier(4)
    new_worker(lambda worker: (
        worker.queue("quick")(lambda job: job.data),
        worker.queue("default")(lambda job: together.wait(30)),
    ), slots=4)
    ids = [client.submit(n, queue="quick") for n in range(400)]
    assert [client.result(id) for id in ids] == list(range(400))
    for id in [client.submit(None) for _ in range(4)]:
        assert client.result(id) in range(4)


def test_every_job_of_many_has_its_own_result(client, new_worker):
    async def later(job):
        await asyncio.sleep(0)
        return job.data

    new_worker(lambda worker: (worker.queue("a")(lambda job: job.data), worker.queue("b")(later)), slots=64)
    ids = {(queue, n): client.submit(n, queue=queue) for n in range(1000) for queue in "ab"}
    for (_, n), id in ids.items():
        assert client.result(id) == n


def test_a_process_that_dies_fails_its_job_alone(client, new_worker):
    new_worker(lambda worker: [
        worker.queue(name, processes=True)(getattr(work, name)) for name in ("pid", "die", "leave", "wait")
    ], slots=4, processes=2)
    waiting = client.submit(None, queue="wait")
    client.heard("started", id=waiting)
    before = client.result(client.submit(1, queue="pid"))
    dead = client.outcome(client.submit(1, queue="die"))
    assert (dead["code"], "SIGKILL" in dead["message"]) == ("process_died", True), dead
    left = client.outcome(client.submit(1, queue="leave"))
    assert (left["code"], "exit code 7" in left["message"]) == ("process_died", True), left
    after = client.result(client.submit(1, queue="pid"))
    assert after not in (before, os.getpid())
    assert client.names(waiting)[-1] in ("accepted", "started"), "the other goes on"
    client.cancel(waiting)


def test_a_cancelled_job_in_a_process(client, new_worker):
    """One that looks ends by itself; one that does not is killed, and its slot is free."""
    new_worker(lambda worker: [
        worker.queue(name, processes=True)(getattr(work, name)) for name in ("pid", "look", "ignore")
    ], slots=1, cancel_grace_s=0.2)
    client.send({"op": "subscribe", "topic": "gone"})
    first = client.result(client.submit(1, queue="pid"))
    for queue in ("look", "ignore"):
        id = client.submit(1, queue=queue)
        client.heard("progress", id=id)
        client.cancel(id)
        last = client.result(client.submit(1, queue="pid"))
        assert (last == first) is (queue == "look")
    assert client.heard("message", topic="gone")["data"] == "look"


def test_nothing_is_left_of_processes(server, client):
    worker = Worker(server.jobs, server.results, slots=1)
    worker.queue("pid", processes=True)(work.pid)
    with worker:
        pid = client.result(client.submit(1, queue="pid"))
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_survives_the_server():
    server = Server.on_quiet_ports()
    worker = Worker(server.jobs, server.results)
    worker.queue("default")(lambda job: job.data)
    with worker:
        for _ in range(3):
            with Client(server) as client:
                assert client.result(client.submit("hello")) == "hello"
            server.kill()
            server.start_again()
        with Client(server) as client:
            assert client.result(client.submit("hello")) == "hello"
    server.check()


def test_a_worker_that_is_before_the_server():
    server = Server.on_quiet_ports()
    server.kill()
    worker = Worker(server.jobs, server.results)
    worker.queue("default")(lambda job: job.data)
    with worker:
        server.start_again()
        with Client(server) as client:
            assert client.result(client.submit("hello")) == "hello"


def test_the_worker_token(new_server, tmp_path):
    file = tmp_path / "token"
    file.write_text("a worker token of at least 32 bytes\n")
    server = new_server("--worker-token-file", file)
    for options in ({"token": "a worker token of at least 32 bytes"}, {"token_file": file}):
        worker = Worker(server.jobs, server.results, **options)
        worker.queue("default")(lambda job: 1)
        with worker, Client(server) as client:
            assert client.result(client.submit(1)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_signal_lets_jobs_end(server, client, run_worker, number):
    process = run_worker("conduct.py")
    id = client.submit(300, queue="sleep")
    client.heard("started", id=id)
    process.signal(number)
    assert client.result(id) == 300
    assert process.wait() == 0


def test_a_second_signal_ends_at_once(client, run_worker):
    process = run_worker([COMMAND, "conduct"])
    id = client.submit(1, queue="hang")
    client.heard("started", id=id)
    process.signal(signal.SIGTERM)
    process.line(lambda line: "stopping" in line, of="stderr")
    process.signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    assert client.heard("retrying", id=id)["code"] == "worker_lost"


def test_serve_ends_with_its_task(server, client):
    worker = Worker(server.jobs, server.results)
    worker.queue("default")(lambda job: job.data)

    async def main():
        serving = asyncio.ensure_future(worker.serve())
        id = client.submit("hello")
        result = await asyncio.get_running_loop().run_in_executor(None, client.result, id)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        return result

    assert asyncio.run(main()) == "hello"
    server.wait_workers(0)


def test_a_handler_that_holds_its_thread_keeps_its_lease(new_server):
    server = new_server("--lease-s", "1")
    go = threading.Event()
    worker = Worker(server.jobs, server.results, beat_s=0.1)
    worker.queue("default")(lambda job: go.wait(30) and job.attempt)
    with worker, Client(server) as client:
        id = client.submit(1)
        client.heard("started", id=id)
        # One that begins later and beats no more loses its lease; this one's is as old by then.
        with Silent(server, queues=["other"]) as silent:
            silent.send("beat", silent.lane)
            other = client.submit(1, queue="other")
            silent.job()
            assert client.heard("retrying", id=other)["code"] == "worker_lost"
        go.set()
        assert client.result(id) == 1


@pytest.mark.parametrize(("options", "says"), [
    ({"slots": 0}, "1 to 65536 slots"),
    ({"jobs": "tcp://127.0.0.1:0"}, "jobs endpoint"),
    ({"jobs": "http://127.0.0.1:1"}, "expected is tcp://HOST:PORT"),
    ({"results": "tcp://*:5558"}, "results endpoint"),
    ({"jobs": "tcp://a:1,tcp://b:1"}, "there are 2 jobs endpoints and 1 results endpoints"),
    ({"token_file": "/nowhere"}, "cannot be read"),
    ({"pack": 1025}, "`pack`"),
])
def test_options_that_are_wrong(options, says):
    worker = Worker(**options)
    worker.queue("default")(lambda job: 1)
    with pytest.raises(WorkerError, match=says.replace("*", r"\*")):
        worker.start()


def test_queues_that_are_wrong():
    worker = Worker()
    with pytest.raises(WorkerError, match="this one has 0"):
        worker.start()
    with pytest.raises(WorkerError, match="cannot be the name"):
        worker.queue("a b")
    with pytest.raises(WorkerError, match="top of a module"):
        worker.queue("a", processes=True)(lambda job: 1)
    with pytest.raises(WorkerError, match="coroutine"):
        worker.queue("a", processes=True)(asays)
    worker.queue("a")(work.says)
    with pytest.raises(WorkerError, match="two handlers"):
        worker.queue("a")(work.says)
    with pytest.raises(WorkerError, match="no handler serves the queue `b`; there are a"):
        worker.only(["b"])


def test_the_environment(server, client, monkeypatch):
    for name, value in {"ACEQUIA_JOBS": server.jobs, "ACEQUIA_RESULTS": server.results,
                        "ACEQUIA_SLOTS": "3", "ACEQUIA_NAME": "anna"}.items():
        monkeypatch.setenv(name, value)
    worker = Worker()
    worker.queue("default")(lambda job: 1)
    with worker:
        id = client.submit(1)
        assert client.result(id) == 1
    assert client.heard("started", id=id)["worker"] == "anna"
    monkeypatch.setenv("ACEQUIA_SLOTS", "many")
    with pytest.raises(WorkerError, match="`many`, which is no number"):
        worker.start()
