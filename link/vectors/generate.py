#!/usr/bin/env python3
"""Writes the golden vectors of links.

    python3 link/vectors/generate.py          writes
    python3 link/vectors/generate.py --check  fails if what is there is not what would be written

The bytes are laid out here as the comments in `link/src` have them (`codec.rs` and what is below it, `handshake.rs`),
without the code that writes and reads them.
"""

import hashlib
import hmac
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "wire" / "vectors"))

from fields import JSON, MSGPACK, OCTETS, SPAN, correlation, data, number, signed, submit, text  # noqa: E402

JOB = bytes(range(16))
OTHER = bytes(range(16, 32))
NO, YES = b"\0", b"\1"
TRACED = 128


def frame(kind, *fields):
    body = bytes([kind]) + b"".join(fields)
    return struct.pack(">I", len(body)) + body


def tag(n):
    return bytes([n])


def measure(n):
    return YES + struct.pack("<d", n)


def requests():
    hello = b"\4"
    return {
        "submit": ("a submit, of which all is as it is by itself",
                   b"\0" + JOB + submit() + JSON + data(b'{"a":[1]}')),
        "submit_whole": ("a submit with all that it may have",
                         b"\0" + OTHER + submit(
                             id="a", queue="images", priority=9, delay_ms=300, attempts=3, timeout_ms=30_000, ttl_ms=1,
                             key="k", batch="b", cancel_after_ms=60_000, traceparent=SPAN)
                         + b"\4" + text("image/png") + data(b"\x89PNG")),
        "cancel": ("a cancel", b"\1" + correlation(-2)),
        "watch_job": ("a watch of a job", b"\2" + correlation("w") + JOB),
        "watch_batch": ("a watch of a batch", b"\3" + correlation(1) + text("b")),
        "hello": ("a hello that wants nothing", hello + NO + NO),
        "hello_new": ("a hello with a token, which wants a session", hello + YES + text("jwt") + b"\1"),
        "hello_resume": ("a hello that resumes a session", hello + NO + b"\2" + text("secret") + number(300)),
        "limited": ("what a token allows", b"\5" + number(10) + number(1_000)),
        "ack": ("an ack", b"\6" + number(1 << 63)),
        "subscribe": ("a subscribe", b"\7" + text("news")),
        "unsubscribe": ("an unsubscribe", b"\x08" + text("news")),
        "refused": ("an op that is refused", b"\x09" + NO + NO + b"\0" + text("no op") + NO),
        "refused_submit": ("a submit that is refused, for now",
                           b"\x09" + YES + correlation(7) + YES + b"\4" + text("too fast") + YES + number(500)),
    }


def events():
    def of_job(what, *fields, traced=False):
        return tag(what | TRACED if traced else what) + correlation(7) + JOB + (SPAN if traced else b"") + b"".join(fields)

    limits = range(1_000, 1_012)
    return {
        "accepted": ("a job is accepted", of_job(0)),
        "accepted_traced": ("a job of a trace is accepted", of_job(0, traced=True)),
        "started": ("a job has started", of_job(1, number(2), text("worker-1"))),
        "progress": ("a job is half done", of_job(2, measure(1.0), measure(2.0), YES + text("half"))),
        "progress_silent": ("a job is somewhere", of_job(2, NO, NO, NO)),
        "chunk": ("a part of a result", of_job(3, number(3), OCTETS + data(b"\0\xff"))),
        "retrying": ("a job runs again", of_job(4, number(2), text("timeout"), text("too long"), number(1_500))),
        "done": ("a result", of_job(5, JSON + data(b"[1]"))),
        "done_traced": ("a result of a job of a trace", of_job(5, MSGPACK + data(b"\x91\1"), traced=True)),
        "failed": ("a job has failed, by a worker's own code", of_job(6, text("dry"), text("no ink"), number(3))),
        "cancelled": ("a job is cancelled", of_job(7)),
        "welcome": ("a welcome to a session", b"\x10" + YES + text("secret") + YES + b"".join(map(number, limits))),
        "rejected": ("a job is not taken",
                     b"\x11" + correlation("a") + b"\2" + text("full") + YES + number(250)),
        "error": ("an op is not understood", b"\x12" + NO + b"\0" + text("what?")),
        "message": ("a message on a topic", b"\x13" + text("news") + JSON + data(b'"hot"')),
        "batch": ("the end of a batch",
                  b"\x14" + text("b") + number(6) + number(3) + number(2) + number(1) + number(1_234)),
        "gap": ("events that are missing", b"\x15" + number(5) + NO),
        "gap_outcome": ("an outcome that is missing", b"\x15" + number(1) + YES + correlation(7) + JOB),
        "bye": ("a bye", b"\x16" + text("stops") + number(1_000) + number(1_001)),
    }


def words():
    return {
        "done": ("a result, of the type of the job", b"\0" + JOB + b"\0" + data(b"[1]")),
        "done_declared": ("a result that declares its type", b"\0" + JOB + b"\1" + OCTETS + data(b"\xff")),
        "done_bad": ("a result that is no JSON", b"\0" + JOB + b"\3" + JSON + data(b"{")),
        "fail": ("a failure", b"\1" + JOB + YES + text("dry") + text("no ink") + NO),
        "fail_plain": ("a failure without a code", b"\1" + JOB + NO + text("oh") + YES),
        "progress": ("progress", b"\2" + JOB + measure(0.5) + NO + NO),
        "chunk": ("a part of a result", b"\3" + JOB + b"\0" + data(b'"a"')),
        "bad": ("a word that cannot be understood", b"\4" + JOB + YES + text("no head")),
        "publish": ("a message on a topic", b"\5" + text("news") + b"\1" + b"\3" + data(b"hot")),
        "beat": ("a beat", b"\6"), "heard": ("something of no use", b"\7"), "bye": ("a bye", b"\x08"),
    }


def offer(name="worker-1", slots=8, queues=("default", "images"), peer=b"\0", holds=()):
    return (text(name) + number(slots) + number(len(queues)) + b"".join(map(text, queues)) + peer
            + b"".join(job + number(attempt) + number(chunks) for job, attempt, chunks in holds))


def of_door():
    connection = lane = number(300)
    yield "opened", "a client of a proven name has come", frame(1, connection, YES, number(9))
    yield "opened_own", "a client of no name has come", frame(1, connection, NO)
    all_requests = requests()
    for name, (says, request) in all_requests.items():
        yield f"request_{name}", says, frame(2, connection, request)
    yield "requests", "all of these at once", frame(2, connection, *(request for _, request in all_requests.values()))
    yield "requests_none", "no request", frame(2, connection)
    yield "closed", "a client has gone, for good", frame(3, connection, YES)
    yield "written", "events were written, and none wait", frame(4, connection, number(2), number(1_000), YES)
    yield "mark", "the owner is to say when this is durable", frame(5, number(77))
    peers = {
        "unknown": b"\0", "v4": b"\1" + bytes([10, 0, 0, 1]) + number(7_000),
        "v6": b"\2" + bytes(15) + b"\1" + number(7_000) + number(5) + number(6), "ipc": b"\3",
        "ipc_of": b"\4" + signed(4_321),
    }
    for name, peer in peers.items():
        yield f"ready_{name}", "a worker takes jobs", frame(6, lane, offer(peer=peer))
    yield ("ready_holds", "a worker of no queue, which holds jobs",
           frame(6, lane, offer(queues=(), holds=((JOB, 1, 0), (OTHER, 300, 7)))))
    all_words = words()
    for name, (says, word) in all_words.items():
        yield f"said_{name}", says, frame(7, lane, word)
    yield "said", "all of these at once", frame(7, lane, *(word for _, word in all_words.values()))
    yield "ended", "a worker has gone", frame(8, lane)
    yield "declared", "all is declared", frame(9)
    yield "beat_of_door", "the door lives", frame(10)
    yield "goes_on", "a session goes on that another owner knew", frame(12, connection, text("a secret"), number(77))
    yield "again", "what was asked of another owner", frame(11, connection, number(77), *(request for _, request in all_requests.values()))


def of_owner():
    connection = lane = number(300)
    all_events = events()
    for name, (says, event) in all_events.items():
        yield f"event_{name}", says, frame(65, connection, NO, event)
    yield ("events", "all of these at once, from number 1000",
           frame(65, connection, YES, number(1_000), *(event for _, event in all_events.values())))
    yield "want_empty", "the owner wants to know when nothing waits", frame(66, connection)
    yield "backlog", "a megabyte waits", frame(67, connection, number(1 << 20))
    bye = all_events["bye"][1]
    yield "close", "close after a bye", frame(68, connection, number(1_001), NO, text("stops"), YES, bye)
    yield "close_superseded", "close at once", frame(68, connection, number(4_001), YES, text("resumed elsewhere"), NO)
    yield "overflow", "a client does not read", frame(69, connection)
    yield ("run", "a job", frame(70, lane, JOB, text("images"), number(2), NO, number(0), JSON, data(b"[1]")))
    yield ("run_whole", "a job with all that it may have",
           frame(70, lane, JOB, text("default"), number(1), YES, number(30_000), number(1), text("traceparent"), text("00-x"),
                 b"\4" + text("image/png"), data(b"\x89PNG")))
    yield "cancel", "a job is not wanted", frame(71, lane, JOB)
    yield "bye", "no job follows", frame(72, lane, text("stops"))
    yield "end", "a worker does not answer", frame(73, lane)
    yield "hold", "nothing more is to be read", frame(74, lane)
    yield "let_go", "and again", frame(75, lane)
    yield "durable", "what came before a mark is durable", frame(76, number(1 << 40))
    yield "beat_of_owner", "the owner lives", frame(77)
    yield "leave", "the owner hands over", frame(78, text("hands over"))


def handshake():
    token, binding = "a token of the cluster", bytes(range(100, 132))
    of_door, of_owner, door = bytes(range(32)), bytes(range(32, 64)), bytes(range(200, 216))
    hello = (b"acequia link" + number(1) + number(1) + b"\1" + door + number(300) + of_door + text("door-1"))

    def prove(label):
        return hmac.digest(token.encode(), label + binding + of_door + of_owner + hello, hashlib.sha256)

    proven = prove(b"acequia link owner")
    refused = b"\2" + text("it is not the owner; b.example:7001 is") + text("b.example:7001")
    verdicts = {
        "welcome": ("the owner takes the door",
                    b"\1" + proven + number(12) + text("acequia 1.0.0") + number(8 << 20) + number(2_000)),
        "not_owner": ("it is not the owner", b"\2" + proven + refused),
    }
    for name, (says, verdict) in verdicts.items():
        messages = {"hello": hello, "challenge": b"\1" + number(1) + of_owner, "proof": prove(b"acequia link door"),
                    "verdict": verdict}
        yield {"name": name, "says": says, "token": token, "binding": binding.hex(),
               **{message: body.hex() for message, body in messages.items()}}


def document(cases):
    """One case a line, so that a change shows as the lines of the cases that changed."""
    names = [case["name"] for case in cases]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    return '{"version": 1, "cases": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]}\n"


def main():
    frames = [{"name": name, "from": who, "says": says, "hex": said.hex()}
              for who, all in (("door", of_door()), ("owner", of_owner())) for name, says, said in all]
    files = {HERE / "frames.json": document(frames), HERE / "handshake.json": document(list(handshake()))}
    if "--check" in sys.argv[1:]:
        for path, content in files.items():
            if path.read_text() != content:
                sys.exit(f"{path} is not what generate.py writes")
        return
    for path, content in files.items():
        path.write_text(content)
        print(path)


if __name__ == "__main__":
    main()
