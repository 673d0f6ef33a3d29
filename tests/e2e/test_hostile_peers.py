"""Whatever connects to the worker ports, the server lives and others notice nothing."""

import os
import random

import msgpack
import pytest
import zmq

from harness import Client, Steady, Worker, eventually, zmtp
from harness.zmtp import COMMAND, MORE, Peer

PEAK_MIB_MAX = 200
PORTS = ("jobs", "results")


@pytest.fixture
def steady(server):
    """Others at work, before, during and after what the test does."""
    with Steady(server) as steady:
        yield steady
        steady.go_on()
    peak = server.peak_mib()
    print(f"peak {peak:.0f} MiB, slowest steady round {steady.slowest_s * 1000:.0f} ms")
    assert peak < PEAK_MIB_MAX


def turned_away(server, port, reason, at_least=1):
    name = "acequia_gate_connections_refused_total"
    server.wait_metric(name, at_least, port=port, reason=reason)


SIZES = [2**33, 2**36, 2**40, 2**48, 2**56, 2**62, 2**63 - 1, 2**63, 2**64 - 1]


@pytest.mark.parametrize("size", SIZES)
def test_frames_that_announce_too_much(server, steady, size):
    for follows in (b"", b"x", b"x" * 100_000):
        with Peer(server, "results") as peer:
            peer.send(zmtp.announced(size) + follows)
            peer.wait_closed()
        with Peer(server, "results") as peer:
            peer.send(zmtp.frame(b"done", MORE) + zmtp.announced(size, MORE) + follows)
            peer.wait_closed()
    turned_away(server, "results", "frame_too_large", 6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("port", PORTS)
def test_commands_that_announce_too_much(server, steady, port, size):
    with Peer(server, port, hands=False) as peer:
        peer.send(zmtp.greeting() + zmtp.announced(size, COMMAND))
        peer.wait_closed()
    with Peer(server, port) as peer:
        peer.send(zmtp.announced(size, COMMAND) + b"x" * 1000)
        peer.wait_closed()
    turned_away(server, port, "command_too_large", 2)


@pytest.mark.parametrize("size", SIZES)
def test_of_a_ready_worker(server, steady, size):
    with Peer(server, "jobs") as jobs, Peer(server, "results") as results:
        lane = jobs.message()[1]
        results.send(zmtp.message(b"ready", lane, msgpack.packb({"queues": ["none"]})))
        server.wait_workers(2)
        results.send(zmtp.announced(size))
        results.wait_closed()
        jobs.wait_closed()
    turned_away(server, "results", "frame_too_large")
    server.wait_workers(1)


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 1000])
def test_messages_without_end(server, steady, body):
    with Peer(server, "results") as peer:
        while peer.send(zmtp.frame(body, MORE) * 100):
            pass
    with Peer(server, "jobs") as jobs, Peer(server, "results") as results:
        lane = jobs.message()[1]
        results.send(zmtp.message(b"ready", lane, msgpack.packb({"queues": ["none"]})))
        server.wait_workers(2)
        while results.send(zmtp.frame(body, MORE) * 1000):
            pass
        jobs.wait_closed()

    def refused():
        seen = {
            dict(labels)["reason"]: value
            for (name, labels), value in server.metrics().items()
            if name == "acequia_gate_connections_refused_total" and value
        }
        return seen if sum(seen.values()) == 2 else None

    assert set(eventually(refused, "two refusals")) <= {"too_many_frames", "message_too_large"}


def test_many_half_messages(server, steady):
    """The most that peers who never prove anything can make the server hold."""
    peers = [Peer(server, "results") for _ in range(300)]
    for peer in peers:
        peer.send(zmtp.frame(b"x" * 60_000, MORE))
        peer.send(zmtp.announced(60_000) + b"x" * 59_999)
    steady.go_on()
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("port", PORTS)
def test_garbage(server, steady, port):
    rng = random.Random(5557)
    print("seed 5557")
    for size in [0, 1, 9, 10, 11, 12, 63, 64, 65, 1000, 100_000]:
        with Peer(server, port, hands=False) as peer:
            peer.send(rng.randbytes(size))
        with Peer(server, port, hands=False) as peer:
            peer.send(zmtp.greeting() + rng.randbytes(size))
        with Peer(server, port) as peer:
            peer.send(rng.randbytes(size))
    for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + bytes(600),
                 b"SSH-2.0-x\r\n", b"\n" * 100):
        with Peer(server, port, hands=False) as peer:
            peer.send(text)
            peer.wait_closed()
    turned_away(server, port, "bad_greeting", 4)


@pytest.mark.parametrize("port", PORTS)
def test_half_handshakes(server, steady, port):
    whole = zmtp.greeting() + zmtp.ready({"jobs": b"PULL", "results": b"PUSH"}[port])
    for end in range(0, len(whole), 3):
        with Peer(server, port, hands=False) as peer:
            peer.send(whole[:end])
    # Byte by byte is slow, but no crime.
    with Peer(server, port, hands=False) as peer:
        for at in range(len(whole)):
            peer.send(whole[at:at + 1])
        peer.exactly(64)
        assert peer.frame()[0] == COMMAND


@pytest.mark.parametrize("port", PORTS)
def test_silence(server, steady, port):
    silent = [Peer(server, port, hands=False) for _ in range(20)]
    half = [Peer(server, port, hands=False) for _ in range(20)]
    for peer in half:
        peer.send(zmtp.greeting()[:30])
    shaken = Peer(server, port)
    for peer in silent + half:
        peer.wait_closed()
        peer.close()
    turned_away(server, port, "handshake_timeout", 40)
    # Who has shaken hands may take its time: a model may take long to load.
    if port == "jobs":
        assert shaken.message()[0] == b"hello"
    shaken.close()


@pytest.mark.parametrize("port", PORTS)
def test_handshakes_that_do_not_fit(server, steady, port):
    right = {"jobs": b"PULL", "results": b"PUSH"}[port]
    wrong = {b"PULL", b"PUSH", b"SUB", b"PUB", b"REQ", b"REP", b"DEALER", b"ROUTER", b"PAIR",
             b"XSUB", b"STREAM", b"", b"\xff", b"X" * 200} - {right}
    for socket_type in sorted(wrong):
        with Peer(server, port, hands=False) as peer:
            peer.send(zmtp.greeting() + zmtp.ready(socket_type))
            peer.wait_closed()
    for mechanism in (b"PLAIN", b"CURVE", b"GSSAPI", b"", b"\xff" * 20, b"NULLX"):
        with Peer(server, port, hands=False) as peer:
            peer.send(zmtp.greeting(mechanism=mechanism) + zmtp.ready(right))
            peer.wait_closed()
    for odd in (zmtp.greeting(version=(2, 0)), zmtp.greeting(version=(0, 0)),
                zmtp.greeting(signature=bytes(10))):
        with Peer(server, port, hands=False) as peer:
            peer.send(odd + zmtp.ready(right))
            peer.wait_closed()
    for instead in (zmtp.message(b"ready"), zmtp.command(b"HELLO"), zmtp.command(b"ERROR", b"\x00"),
                    zmtp.command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xff"),
                    zmtp.command(b"READY", b"\xff"), zmtp.frame(b"", COMMAND),
                    zmtp.frame(b"\xff", COMMAND), zmtp.frame(b"", COMMAND | MORE), b"\xff\x00"):
        with Peer(server, port, hands=False) as peer:
            peer.send(zmtp.greeting() + instead)
            peer.wait_closed()


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("kind", ["SUB", "REQ", "DEALER", "PAIR", "PUSH", "PULL"])
def test_sockets_of_the_wrong_type(server, steady, port, kind):
    fits = {"jobs": "PULL", "results": "PUSH"}[port]
    context = zmq.Context()
    socket = context.socket(getattr(zmq, kind))
    socket.linger = 0
    if kind == "SUB":
        socket.subscribe(b"")
    if kind == fits:
        socket.connect({"jobs": server.jobs, "results": server.results}[port])
    else:
        socket.connect({"jobs": server.jobs, "results": server.results}[port])
        turned_away(server, port, "incompatible_peer")
    context.destroy()


def test_messages_on_the_jobs_port(server, steady):
    with Peer(server, "jobs") as peer:
        peer.send(zmtp.message(b"ready", bytes(16)))
        peer.wait_closed()
    turned_away(server, "jobs", "unexpected_message")


def test_pings_without_end(server, steady):
    """A peer that asks for answers and does not read them."""
    ping = zmtp.command(b"PING", b"\x00\x00" + b"c" * 16)
    for port in PORTS:
        with Peer(server, port) as peer:
            peer.socket.settimeout(1)
            try:
                for _ in range(2000):
                    if not peer.send(ping * 1000):
                        break
            except TimeoutError:
                pass  # it is not read from: as good
            steady.go_on()
    with Peer(server, "results") as peer:
        peer.send(zmtp.command(b"PING", b"\x00\x00hello"))
        assert peer.frame() == (COMMAND, b"\x04PONGhello")
        peer.send(zmtp.command(b"PING", b"\x00\x00" + b"c" * 17))
        peer.wait_closed()


def test_more_than_may_be_unready(server, steady):
    """The oldest of those that are not ready make room; workers that are stay."""
    peers = [Peer(server, "jobs") for _ in range(1100)]
    turned_away(server, "jobs", "evicted", 76)
    not_ready = ("acequia_gate_connections_not_ready", (("port", "jobs"),))
    eventually(lambda: server.metrics()[not_ready] <= 1024, "as many as may be")
    with Worker(server, name="late", queues=["late"]):
        server.wait_workers(2)
    for peer in peers:
        peer.close()


# --- Peers that shake hands and then talk nonsense ---


@pytest.fixture
def quiet(server, steady, make):
    """A worker that holds one job, and that job's client."""
    client, worker = make(Client(server)), make(Worker(server, queues=["held"]))
    id = client.submit("held", queue="held")
    job = worker.job()

    def finish():
        worker.done(job, b'"mine"')
        assert client.result(id) == "mine"
        assert client.names(id).count("done") == 1

    yield job
    finish()


@pytest.fixture
def liar(server, quiet, make):
    """A worker of another queue, that is ready."""
    worker = make(Worker(server, queues=["none"]))
    # Before the server has heard of it, its frames would be capped at less.
    server.wait_workers(3)
    return worker


def dropped(server, reason, at_least=1):
    server.wait_metric("acequia_worker_messages_dropped_total", at_least, reason=reason)


def test_results_before_ready(server, quiet, make):
    worker = make(Worker(server, ready=False))
    worker.hello()
    for kind in ("done", "fail", "progress", "chunk"):
        worker.send(kind, quiet.id)
    worker.send("bye", worker.lane)
    worker.send("beat", worker.lane)
    dropped(server, "not_ready", 6)


def test_results_of_anothers_job(server, quiet, liar):
    for kind in ("done", "fail", "progress", "chunk"):
        liar.send(kind, quiet.id, None, b'"stolen"')
    dropped(server, "not_held", 4)


def test_results_of_no_job(server, quiet, liar):
    for _ in range(1000):
        liar.send("done", os.urandom(16))
    dropped(server, "not_held", 1000)


def test_a_result_twice(server, quiet, liar, make):
    client = make(Client(server))
    id = client.submit("text", queue="none")
    job = liar.job()
    for body in (b'"first"', b'"second"'):
        liar.done(job, body)
    liar.fail(job, message="third")
    dropped(server, "not_held", 2)
    client.barrier()
    assert [e["result"] for e in client.of(id) if e["ev"] in ("done", "failed")] == ["first"]


def test_words_about_another_lane(server, quiet, liar):
    other = os.urandom(16)
    for kind in ("bye", "beat"):
        liar.send(kind, other)
    liar.send("publish", other, {"topic": "news"})
    dropped(server, "other_lane", 3)


def test_ready_for_another_lane(server, quiet, liar):
    liar.send("ready", os.urandom(16))
    liar.send("ready", liar.lane)
    dropped(server, "unknown_lane")
    dropped(server, "ready_twice")


LANE = object()
MALFORMED = {
    "no frame but an empty one": [b""],
    "no id": [b"done"],
    "id of 15": [b"done", bytes(15)],
    "id of 17": [b"done", bytes(17)],
    "id of megabytes": [b"done", bytes(1 << 20)],
    "id as text": [b"done", b"01890a5d-ac96-774b-bcce-b302099a8057"],
    "five frames that name no job": [b"beat", LANE, b"", b"", b""],
    "slots below none": [b"ready", LANE, msgpack.packb({"slots": -1})],
    "slots of a half": [b"ready", LANE, msgpack.packb({"slots": 1.5})],
    "queues that are none": [b"ready", LANE, msgpack.packb({"queues": []})],
    "queues that are too many": [b"ready", LANE, msgpack.packb({"queues": [f"q{n}" for n in range(65)]})],
    "queue with a slash": [b"ready", LANE, msgpack.packb({"queues": ["a/b"]})],
    "queue without a name": [b"ready", LANE, msgpack.packb({"queues": [""]})],
    "queue with a long name": [b"ready", LANE, msgpack.packb({"queues": ["q" * 65]})],
    "auth that is short": [b"ready", LANE, msgpack.packb({"auth": b"x"})],
    "ready of an array": [b"ready", LANE, b"\x91\x01"],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_messages_close_the_lane(server, quiet, liar, name):
    frames = [liar.lane if part is LANE else part for part in MALFORMED[name]]
    liar.results.send_multipart(frames)
    turned_away(server, "results", "malformed_message")
    # Both ends of the lane are closed: stock libzmq comes back, and gets a new one.
    old = liar.lane
    liar.hello()
    assert liar.lane != old


JOB = object()
BAD = {
    "unknown kind": ([b"dine", JOB], "the unknown kind `dine`"),
    "kind of megabytes": ([b"d" * (1 << 20), JOB], "the unknown kind of 1048576 bytes"),
    "kind in capitals": ([b"DONE", JOB], "the unknown kind `DONE`"),
    "kind that is the server's": ([b"job", JOB], "the unknown kind `job`"),
    "kind that is no utf-8": ([b"\xff\xfe", JOB], "the unknown kind of 2 bytes"),
    "five frames": ([b"done", JOB, b"", b"", b""], "a message of 5 frames"),
    "seven frames": ([b"done", JOB, b"", b"", b"done", JOB, b""], "a message of 7 frames"),
    "head that is no map": ([b"done", JOB, b"\x01"], "expected a map"),
    "head that is an array": ([b"done", JOB, b"\x91\x01"], "expected a map"),
    "head cut off": ([b"done", JOB, b"\x82\xa4type"], "it ends inside a value"),
    "head and more": ([b"done", JOB, b"\x80\x80"], "1 bytes follow the value"),
    "head of reserved bytes": ([b"done", JOB, b"\xc1"], "not a MessagePack map"),
    "head that announces a map of 4 G": ([b"done", JOB, b"\xdf\xff\xff\xff\xff"], "it ends inside"),
    "head that announces a text of 4 G": ([b"done", JOB, b"\x81\xdb\xff\xff\xff\xff"], "it ends"),
    "head that is too deep": ([b"done", JOB, b"\x81\xa1x" + b"\x91" * 10_000 + b"\x01"],
                              "nested deeper than 128 levels"),
    "head that is too large": ([b"done", JOB, msgpack.packb({"x": b"y" * (1 << 20)})],
                               "over the limit of 1048576"),
    "type that is a number": ([b"done", JOB, msgpack.packb({"type": 1})], "`type` must be text"),
    "type that is too long": ([b"done", JOB, msgpack.packb({"type": "t" * 129})], "at most 128 bytes"),
    "type that is no utf-8": ([b"done", JOB, b"\x81\xa4type\xa2\xff\xfe"], "`type` must be text"),
    "message that is a map": ([b"fail", JOB, msgpack.packb({"message": {}})], "`message` must be"),
    "progress that is a text": ([b"progress", JOB, msgpack.packb({"done": "half"})],
                                "`done` must be a number"),
    "chunk of no type": ([b"chunk", JOB, msgpack.packb({"type": []})], "`type` must be text"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_understood_of_a_job_fails_that_job_alone(server, quiet, make, name):
    liar = make(Worker(server, queues=["none"], slots=2))
    server.wait_workers(3)
    client = make(Client(server))
    id, other = client.submit_many([1, 2], queue="none")
    job, innocent = liar.job(), liar.job()
    frames, says = BAD[name]
    liar.results.send_multipart([job.id if part is JOB else part for part in frames])
    outcome = client.outcome(id)
    assert outcome["code"] == "bad_message" and says in outcome["message"], outcome
    liar.done(innocent, b'"innocent"')
    assert client.result(other) == "innocent"
    # Of what others follow, the slot is free when the worker says so.
    if frames[0] in (b"progress", b"chunk"):
        assert liar.expect("cancel").id == job.id
        liar.done(job, b"")
    again = client.submit_many([3, 4], queue="none")
    for _ in again:
        liar.done(liar.job(), b'"as before"')
    assert [client.result(id) for id in again] == ["as before"] * 2
    assert "retrying" not in client.names(id)


TAKEN = {
    "latin1": (b"\x82\xa4code\xa1x\xa7message\xa3\xfcbe", ("x", "\ufffdbe")),
    "a code that is a number": (msgpack.packb({"code": 2, "message": 7}), ("2", "7")),
    "bin for str": (msgpack.packb({"code": b"x", "message": b"abc"}), ("x", "abc")),
    "a stack trace": (msgpack.packb({"code": "x", "message": "at main\n" * 9000}), ("x", "at main\n" * 512)),
    "retry 0": (msgpack.packb({"code": "x", "retry": 0}), ("x", "")),
    "retry that is a text": (msgpack.packb({"code": "x", "retry": "no"}), ("x", "")),
    "a number for a key": (msgpack.packb({1: 2, "code": "x"}), ("x", "")),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_can_only_mean_one_thing_is_taken_as_that(server, quiet, liar, make, name):
    client = make(Client(server))
    head, said = TAKEN[name]
    id = client.submit("text", queue="none", attempts=1)
    job = liar.job()
    liar.results.send_multipart([b"progress", job.id, msgpack.packb({"done": float("nan"), "note": b"n"})])
    liar.results.send_multipart([b"fail", job.id, head])
    outcome = client.outcome(id)
    assert (outcome["code"], outcome["message"]) == said
    assert client.heard("progress", id=id)["note"] == "n"


def test_a_bad_publish_is_dropped(server, quiet, liar):
    for head in ({}, {"topic": ""}, {"topic": "t" * 129}, {"topic": 1}):
        liar.send("publish", liar.lane, head)
    dropped(server, "bad_publish", 4)


def test_odd_offers(server, quiet, liar, make):
    """What a `ready` may look like from other languages."""
    client = make(Client(server))
    for offer in ({"slots": 2.0, "queues": "odd"}, {"slots": "2", "queues": [b"odd"], "name": 7},
                  {"slots": 2**40, "pack": 2**32, "queues": ["odd"], "name": b"M\xfchle", "auth": None}):
        with Worker(server, **offer) as worker:
            id = client.submit("text", queue="odd")
            worker.done(worker.job(), b"1")
            assert client.result(id) == 1


def test_a_worker_without_slots_only_publishes(server, quiet, make):
    client = make(Client(server))
    client.send({"op": "subscribe", "topic": "weather"})
    client.barrier()
    with Worker(server, slots=0, queues=[], name="station") as station:
        station.send("publish", station.lane, {"topic": "weather"}, b'"rain"')
        assert client.heard("message")["data"] == "rain"
        assert not station.at_hand()


def test_what_looks_odd_but_is_not(server, quiet, liar, make):
    """Unknown keys, missing frames, text that is too long: taken as it is meant."""
    client = make(Client(server))
    id = client.submit("text", queue="none")
    job = liar.job()
    liar.progress(job, done=2**63, total=-1.5, note="n" * 10_000, unknown=[{"deep": [1]}])
    liar.results.send_multipart([b"progress", job.id])
    liar.results.send_multipart([b"chunk", job.id, b"", b"1"] * 1024)
    liar.results.send_multipart([b"beat", liar.lane])
    liar.fail(job, code="c" * 1000, message="ü" * 5000, unknown=1)
    outcome = client.outcome(id)
    assert outcome["code"] == "c" * 64 and outcome["message"] == "ü" * 2048
    progress = client.heard("progress", id=id)
    assert progress["note"] == "n" * 4096 and progress["done"] == 2**63
    assert sum(e["ev"] == "chunk" for e in client.of(id)) + sum(
        e["missed"] for e in client.events if e["ev"] == "gap"
    ) >= 1024


def test_packed_without_end(server, quiet, liar):
    liar.results.send_multipart([b"done", bytes(16), b"", b""] * 1025)
    turned_away(server, "results", "too_many_frames")
    liar.hello()
    liar.send("ready", liar.lane, {"queues": ["none"]})
    server.wait_workers(3)
    # Five results of 8 MiB in one message.
    liar.results.send_multipart([b"done", bytes(16), b"", bytes(8 << 20)] * 5)
    turned_away(server, "results", "message_too_large")


def test_a_packed_message_whose_middle_is_malformed(server, quiet, liar, make):
    client = make(Client(server))
    id = client.submit("text", queue="none")
    job = liar.job()
    liar.results.send_multipart([b"done", job.id, b"", b"1", b"done", job.id[:15], b"", b"2"])
    assert client.result(id) == 1
    turned_away(server, "results", "malformed_message")


def test_large_results_without_end(server, quiet, liar):
    body = bytes(8 << 20)
    for _ in range(100):
        liar.send("done", os.urandom(16), None, body)
    dropped(server, "not_held", 100)
