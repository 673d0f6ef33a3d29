"""What clients and workers say to each other is none of the log's business, nor of the metrics'."""

import contextlib
import json
import uuid

import msgpack
import pytest

from harness import Admin, Client, Server, Serving, Worker, eventually, zmtp
from harness.raw_ws import BINARY, CLOSE, PING, PONG, TEXT, RawWebSocket
from harness.words import Words
from harness.zmtp import MORE, Peer

QUEUE = "queue-that-may-be-named"


def jobs_that_end(server, words, encoding):
    """Done, failed, retried, cancelled, timed out, delayed, bad, streamed."""
    # Of its own: what is left behind here is nobody else's to run.
    queue = f"{QUEUE}-{encoding}"
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(Client(server, encoding))
        worker = stack.enter_context(Worker(server, slots=20, queues=[queue], name="worker-that-may-be-named"))
        words.secret(worker.lane, "a lane")

        def submit(**fields):
            payload = {words("a payload's key"): [words("a payload")]}
            if encoding == "msgpack":
                payload = [words("a payload of MessagePack").encode(), payload]
            return client.submit(payload, queue=queue, id=words("a correlation id"), **fields), worker.job()

        client.send({"op": "hello", "token": words("a token"), "resume": True})
        # Where sessions cannot be resumed there is no secret.
        secret = client.heard("welcome").get("session")
        if secret is not None:
            words.said[secret] = "a session's secret"
        key = words("a key")
        id, job = submit(key=key, batch=words("a batch"))
        worker.progress(job, note=words("a note"), done=1)
        worker.chunk(job, words("a chunk").encode(), "text/plain")
        worker.done(job, words("a result").encode(), "text/plain")
        client.result(id)
        client.outcome(client.submit("x", id=words("a correlation id"), key=key))

        id, job = submit(attempts=2)
        worker.fail(job, code=words("a code"), message=words("a failure"))
        client.heard("retrying", id=id)
        worker.fail(worker.job(), code=words("a code"), message=words("a failure"), retry=False)
        client.outcome(id)

        id, job = submit()
        worker.done(job, (words("a bad result") + "{").encode(), "application/json")
        assert client.outcome(id)["code"] == "bad_result"
        id, job = submit()
        worker.chunk(job, (words("a bad chunk") + "{").encode(), "application/json")
        assert client.outcome(id)["code"] == "bad_result"
        worker.expect("cancel")
        worker.done(job, words("a late result").encode(), "text/plain")

        id, job = submit()
        client.cancel(id)
        client.outcome(id)
        worker.expect("cancel")
        worker.done(job, words("a late result").encode(), "text/plain")
        worker.done(job, words("a second result").encode(), words("a type"))
        id, job = submit(timeout_ms=1)
        assert client.outcome(id)["code"] == "timeout"
        worker.expect("cancel")
        worker.done(job, b"1")

        client.send({"op": "subscribe", "topic": (topic := words("a topic"))})
        client.barrier()
        text = words("what is published")
        worker.publish(topic, text.encode(), "text/plain")
        client.heard("message", data=text)
        worker.publish(topic, (words("what is badly published") + "{").encode())
        server.wait_metric("acequia_worker_messages_dropped_total", 1, reason="bad_publish")
        # It goes with a job in hand.
        id, job = submit(on_disconnect="cancel")


def lost_jobs(server, words):
    """A job that takes its workers down until it is given up."""
    with Client(server) as client:
        id = client.submit(words("a poisonous payload"), queue=QUEUE, id=words("a correlation id"))
        for _ in range(4):
            with Worker(server, queues=[QUEUE]) as worker:
                worker.job()
        assert client.outcome(id)["code"] == "worker_lost"


def ops_that_are_refused(server, words):
    bad = [
        words("no JSON"), "{" + words("half of a JSON"), json.dumps({words("an unknown key"): 1}),
        json.dumps({"op": words("an unknown op")}), json.dumps([words("no op")]),
        json.dumps({"op": "cancel", "id": words("an unknown job")}),
        json.dumps({"op": "submit", "id": words("an id"), "payload": 1, words("an unknown key"): 1}),
        json.dumps({"op": "submit", "id": words("an id"), "payload": 1, "queue": words("a bad queue") + "/"}),
        json.dumps({"op": "submit", "id": words("an id"), "payload": words("a large payload") * 100_000}),
        json.dumps({"op": "submit", "id": words("a long id") * 10, "payload": words("a payload")}),
        json.dumps({"op": "submit", "id": 1, "payload": words("a payload"), "key": words("a long key") * 10}),
        json.dumps({"op": "hello", "token": 1, words("an unknown key"): 2}),
        json.dumps({"op": "hello", "resume": words("a session's secret"), "last": 1}),
    ]
    with Client(server) as client:
        for text in bad:
            client.socket.send(text)
        client.barrier()
        client.send([{"op": "submit", "id": (id := words("an id")), "payload": 1}] * 2)
        client.heard("rejected", id=id)


def bad_frames(server, words):
    def op(where):
        return json.dumps({"op": "submit", "id": 1, "payload": words(where)}).encode()

    frames = [
        {"body": op("an unmasked frame"), "masked": False}, {"body": op("reserved bits"), "reserved": 7},
        {"body": op("an unknown opcode"), "opcode": 3}, {"body": op("a continuation of nothing"), "opcode": 0},
        {"body": op("a binary message"), "opcode": BINARY}, {"body": op("no UTF-8") + b"\xff"},
        {"body": op("a large ping") * 9, "opcode": PING}, {"body": op("a small frame"), "size": 1 << 40},
        {"body": b"\x03\xe8" + words("a reason to close").encode(), "opcode": CLOSE},
        {"body": b"\x00\x01" + words("a bad reason to close").encode(), "opcode": CLOSE},
    ]
    for frame in frames:
        raw = RawWebSocket(server)
        raw.send_frame(**frame)
        raw.close_code()
        raw.close()
    raw = RawWebSocket(server)
    raw.send_frame(words("a pong").encode(), PONG)
    raw.send_frame(words("a ping").encode(), PING)
    assert raw.frame()[0] == PONG
    raw.send_frame(words("half a message").encode(), TEXT, fin=False)
    raw.close()


def http_requests(server, words, jobs):
    for path in ("/v1/ws", "/healthz", "/nothing", "/v1/admin/jobs/x"):
        for header in ("Authorization", "Cookie", "Sec-WebSocket-Protocol", "X-Forwarded-For"):
            server.get(f"{path}?token={words('a query')}", {header: words("a header")})
    server.request("POST", f"/v1/admin/jobs/{words('a path')}")
    admin = Admin(server)
    for job in jobs:
        admin.job(job)
    letters, _ = admin.dead_letters()
    assert letters
    for verb in ("redrive", "drop"):
        admin.request("POST", f"/v1/admin/dead-letters/{verb}")
        admin.request("POST", f"/v1/admin/dead-letters/{letters[0]['job']}/{verb}")
        admin.request("POST", f"/v1/admin/dead-letters/{words('a letter')}/{verb}")
    admin.close()


def bad_workers(server, words):
    def about_a_job(lane):
        """Each is about a job that nobody holds, or a topic that is none: the lane goes on."""
        text = words("a body").encode()
        yield [words("a kind").encode(), lane]
        yield [b"done", lane, words("a head").encode(), text]
        yield [b"done", lane, msgpack.packb({"type": 5, words("a head's key"): words("a head's value")}), text]
        yield [b"progress", lane, msgpack.packb({"done": words("no number")})]
        yield [b"publish", lane, msgpack.packb({"topic": words("a long topic") * 10}), text]
        yield [b"done", lane, b"", text, text]

    def about_nothing(lane):
        """Nobody can tell what each is about: the lane is closed."""
        yield [b"done", words("an id").encode(), b"", words("a body").encode()]
        yield [b"ready", lane, msgpack.packb({"queues": [words("a bad queue") + "/"]})]
        yield [b"ready", lane, msgpack.packb({"auth": words("proof").encode()})]
        yield [b"done", lane, b"", words("a body").encode() * 1_000_000]

    with Worker(server, queues=["other"]) as worker:
        words.secret(worker.lane, "a lane")
        for message in about_a_job(worker.lane):
            worker.results.send_multipart(message)
        for message in about_nothing(worker.lane):
            words.secret(worker.lane, "a lane")
            worker.results.send_multipart([worker.lane if part is worker.lane else part for part in message])
            hello = worker.hello()
            words.secret(hello.head["nonce"], "a nonce")
            worker.send("ready", worker.lane, {"queues": ["other"]})
        for kind in ("done", "fail", "chunk", "progress"):
            worker.send(kind, uuid.uuid4().bytes, None, words("what is not held").encode())
        server.wait_metric("acequia_worker_messages_dropped_total", 9, reason="not_held")
    for port in ("jobs", "results"):
        with Peer(server, port, hands=False) as peer:
            peer.send(words("no greeting").encode())
            peer.send(bytes(100))
            peer.wait_closed()
        with Peer(server, port, hands=False) as peer:
            peer.send(zmtp.greeting(mechanism=b"PLAIN") + zmtp.command(words("a command").encode()))
            peer.wait_closed()
        with Peer(server, port, hands=False) as peer:
            peer.send(zmtp.greeting() + zmtp.ready(words("a socket type").encode()))
            peer.wait_closed()
    with Peer(server, "results") as peer:
        peer.send(zmtp.frame(words("half a message").encode(), MORE))


def all_traffic(server, words):
    for encoding in ("json", "msgpack"):
        jobs_that_end(server, words, encoding)
    lost_jobs(server, words)
    ops_that_are_refused(server, words)
    bad_frames(server, words)
    bad_workers(server, words)


def jobs_that_wait(server, words, encoding="json"):
    """Accepted, and so in the journal; nobody serves their queue."""
    with Client(server, encoding) as client:
        keys = [words("a key that waits") for _ in range(10)]
        ids = [client.submit(words("a payload that waits"), queue=QUEUE, id=words("an id that waits"),
                             batch=words("a batch"), key=key) for key in keys]
        return client.accepted(ids)


def pages(server):
    """What the server tells whoever asks."""
    return [line for path in ("/metrics", "/readyz", "/healthz") for line in server.get(path)[2].splitlines()]


def logged_levels(lines):
    """The levels of lines of JSON, of which each must be an object that says where it is from."""
    entries = [json.loads(line) for line in lines]
    for entry in entries:
        assert {"timestamp", "level", "target"} <= entry.keys(), entry
        assert not any(isinstance(value, dict) for value in entry.values()), f"not flat: {entry}"
    return {entry["level"] for entry in entries}


@pytest.mark.parametrize(("level", "form"),
                         [("info", "text"), ("debug", "text"), ("trace", "text"), ("debug", "json")])
def test_what_is_said_is_told_to_nobody_else(tmp_path, level, form):
    words = Words()
    env = {"ACEQUIA_LOG": level, "ACEQUIA_LOG_FORMAT": form}
    server = Server.on_quiet_ports(journal=tmp_path / "jobs.redb", env=env)
    for encoding in ("json", "msgpack"):
        jobs_that_end(server, words, encoding)
    lost_jobs(server, words)
    ops_that_are_refused(server, words)
    bad_frames(server, words)
    bad_workers(server, words)
    jobs = jobs_that_wait(server, words)
    server.wait_written()
    told = pages(server)
    lives = [server.process]
    server.crash()
    lives.append(server.process)
    http_requests(server, words, jobs)
    admin = Admin(server)
    with Serving(server, lambda job: job.body, slots=10, queues=[QUEUE]):
        eventually(lambda: all(admin.ended(job) for job in jobs), "the end of what waited")
    admin.close()
    jobs_that_wait(server, words, "msgpack")
    told += pages(server)
    server.check()
    assert server.stop() == 0
    logged = [line for process in lives for line in process.stdout + process.stderr]
    print(f"{len(words.said)} words, {len(logged)} lines of log, {len(told)} of metrics")
    # That it was logged at all, and that the level was taken.
    assert any("a worker is ready" in line for line in logged)
    assert level == "info" or any("DEBUG" in line for line in logged)
    if form == "json":
        levels = logged_levels([line for process in lives for line in process.stderr])
        assert {"DEBUG", "INFO", "WARN"} <= levels, levels
    found = words.found_in(logged + told)
    assert not found, "\n".join(f"{where}: {line}" for where, line in found.values())
