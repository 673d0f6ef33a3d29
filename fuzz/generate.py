#!/usr/bin/env python3
"""Writes the first corpus of the targets that the golden vectors of `wire` say nothing of.

    python3 fuzz/generate.py          writes
    python3 fuzz/generate.py --check  fails if what is there is not what would be written

The bytes are laid out here as RFC 23/ZMTP and the journal's own description have them
(`journal/src/entry.rs`, `journal/src/codec/small.rs`), without the code that reads them. Those of a link are its
golden vectors (`link/vectors`), and what is hostile.
"""

import json
import pathlib
import shutil
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
sys.path.insert(0, str(ROOT / "wire" / "vectors"))

from fields import JSON, MSGPACK, OCTETS, SPAN, TEXT, correlation, number, submit, text  # noqa: E402

MORE, LONG, COMMAND = 1, 2, 4


def frame(body, flags=0):
    if len(body) < 256 and not flags & LONG:
        return bytes([flags, len(body)]) + body
    return struct.pack(">BQ", flags | LONG, len(body)) + body


def greeting(mechanism=b"NULL", version=3):
    return b"\xff" + bytes(8) + b"\x7f" + bytes([version, 0]) + mechanism.ljust(20, b"\0") + bytes(32)


def command(name, data=b""):
    return frame(bytes([len(name)]) + name + data, COMMAND)


def ready(socket_type, **more):
    properties = {"Socket-Type": socket_type, "Identity": b"", **more}
    return command(b"READY", b"".join(
        bytes([len(name)]) + name.encode() + struct.pack(">I", len(value)) + value
        for name, value in properties.items()))


def gate_frames():
    """Who speaks (even: a PUSH) and to which limits, where it is cut, and the stream."""
    push, pull = greeting() + ready(b"PUSH"), greeting() + ready(b"PULL")
    ping = command(b"PING", b"\0\x0acontext")
    message = frame(b"done", MORE) + frame(bytes(16), MORE) + frame(b"", MORE) + frame(b'"result"')
    streams = {
        "nothing": b"",
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "greeting": greeting(),
        "greeting_of_version_2": greeting(version=1),
        "greeting_plain": greeting(b"PLAIN"),
        "ready_of_a_sub": greeting() + ready(b"SUB"),
        "ready_with_more": greeting() + ready(b"PUSH", **{"X-Name": b"x" * 255}),
        "ready_without_a_type": greeting() + command(b"READY"),
        "error_for_ready": greeting() + command(b"ERROR", b"\4nope"),
        "ready_too_large": greeting() + struct.pack(">BQ", COMMAND | LONG, 1025),
        "message": push + message,
        "messages": push + message * 3,
        "message_long": push + frame(b"done", LONG | MORE) + frame(b"x" * 260),
        "message_too_large": push + frame(b"x" * 299, MORE) * 3,
        "frame_too_large": push + struct.pack(">BQ", LONG, 301),
        "frame_of_all_memory": push + struct.pack(">BQ", LONG, (1 << 64) - 1),
        "frame_of_half_memory": push + struct.pack(">BQ", LONG | MORE, 1 << 63),
        "frames_without_end": push + frame(b"", MORE) * 6,
        "flags_reserved": push + b"\x08\0",
        "ping": push + ping + message,
        "ping_within_a_message": push + frame(b"done", MORE) + ping + frame(bytes(16)),
        "ping_too_large": push + command(b"PING", b"\0\x0a" + b"c" * 17),
        "subscribe": push + command(b"SUBSCRIBE", b"topic"),
        "pull_pings": pull + ping * 3,
        "pull_sends": pull + message,
    }
    for name, stream in streams.items():
        who = 1 if name.startswith("pull") else 0
        yield name, bytes([who, 70, 3]) + stream
    for limits in (1, 2, 3):
        yield f"message_to_limits_{limits}", bytes([limits << 1, 2, 200]) + push + message


def job(*, payload=JSON + b'{"a":[1]}', version=1, **fields):
    return b"".join([
        bytes([version]), bytes(range(16)), number(1), number(300), number(1_760_000_000_000), submit(**fields),
        payload])


def letter(record, code="worker_error", message="it failed"):
    counts = (1_760_000_000_001, 3, 2, 1)
    return b"\1" + b"".join(map(number, counts)) + text(code) + text(message) + record


def outcome(how, id="x", key=None, traceparent=None):
    flags = (key is not None) | (traceparent is not None) << 1
    return (b"\1" + bytes(range(16)) + number(1) + number(300) + number(9) + number(1_760_000_000_002)
            + correlation(id) + bytes([flags]) + (b"" if key is None else text(key)) + (traceparent or b"") + how)


def block(*outcomes, said=None):
    said = len(outcomes) if said is None else said
    return b"\1" + number(1_760_000_000_002) + number(said) + b"".join(
        number(len(each)) + each for each in outcomes)


def journal_records():
    """Which record, and the record."""
    done, cancelled = b"\0" + JSON + b"[1]", b"\2"
    failed = b"\1" + number(2) + text("timeout") + text("it took too long")
    whole = job(id="text", timeout_ms=30_000, ttl_ms=1, key="k", batch="b", cancel=True, priority=9,
                delay_ms=300, attempts=(1 << 32) - 1)
    jobs = {
        "plain": job(), "whole": whole, "negative_id": job(id=-(1 << 63)),
        "msgpack": job(payload=MSGPACK + b"\x93\1\2\3"), "octets": job(payload=OCTETS + bytes(9)),
        "text": job(payload=TEXT + b"drop"), "image": job(payload=b"\4" + text("image/png") + b"\x89PNG"),
        "no_json": job(payload=JSON + b"{"), "priority_10": job(priority=10), "version_2": job(version=2),
        "unknown_flag": job(flags=1 << 7), "cancel_after": job(cancel_after_ms=60_000),
        "cancel_and_cancel_after": job(cancel=True, cancel_after_ms=1),
        "traced": job(key="k", traceparent=SPAN), "trace_zero": job(traceparent=bytes(25)),
        "trace_cut": job(traceparent=SPAN[:9], payload=b""), "trace_flags": job(traceparent=SPAN[:-1] + b"\x80"),
        "bad_queue": job(queue="a/b"), "attempts_too_many": job(attempts=1 << 32),
        "cut": whole[:40], "long_type": job(payload=b"\4" + text("x" * 200) + b"x"),
    }
    for name, record in jobs.items():
        yield f"job_{name}", b"\0" + record
    yield "letter", b"\1" + letter(whole)
    yield "letter_of_its_own_code", b"\1" + letter(job(), code="dry", message="")
    yield "letter_traced", b"\1" + letter(job(traceparent=SPAN))
    yield "letter_without_a_job", b"\1" + letter(b"")
    blocks = {
        "none": block(), "one": block(outcome(done)),
        "all": block(outcome(done, key="k"), outcome(failed, id=3), outcome(cancelled)),
        "traced": block(outcome(done, traceparent=SPAN), outcome(cancelled, key="k", traceparent=SPAN)),
        "unknown_flag": block(outcome(cancelled, traceparent=None)[:-2] + b"\4\2"),
        "one_too_many": block(outcome(cancelled), said=2), "far_too_many": block(said=(1 << 64) - 1),
        "trailing": block(outcome(cancelled) + b"x"), "no_outcome": block(outcome(b"\3")),
        "of_empty_ones": block(b"", b""), "longer_than_it_is": block() + number((1 << 64) - 1),
        "endless_number": block() + b"\xff" * 11,
    }
    for name, record in blocks.items():
        yield f"block_{name}", b"\2" + record
    small = {
        "counts": (3, [3, 2, 1, 1_760_000_000_003], b""), "counts_too_many": (3, [1 << 32, 0, 0, 0], b""),
        "session": (4, [(1 << 64) - 1], bytes(range(32))), "session_cut": (4, [1], bytes(31)),
        "tally": (5, [1_760_000_000_000, 4, 1, 2, 300, 301], b""), "tally_cut": (5, [9, 4], b""),
        "end": (6, [4, 1, 2, 1_500], text("batch")), "end_trailing": (6, [4, 1, 2, 9], text("b") + b"x"),
    }
    for name, (kind, numbers, rest) in small.items():
        yield name, bytes([kind, 1]) + b"".join(map(number, numbers)) + rest


def link_frames():
    """Who speaks (even: a door), where it is cut, and the stream. The golden vectors, and what is hostile."""
    cases = json.loads((ROOT / "link" / "vectors" / "frames.json").read_text())["cases"]
    for case in cases:
        yield case["name"], bytes([case["from"] == "owner", 3, 7]) + bytes.fromhex(case["hex"])
    for who in ("door", "owner"):
        said = [bytes.fromhex(case["hex"]) for case in cases if case["from"] == who]
        yield f"all_of_{who}", bytes([who == "owner", 200, 100]) + b"".join(said)
    events, requests, words, ready = b"\x41\1\0", b"\2\1", b"\7\1", b"\6\1\0\1"
    hostile = {
        "nothing": (0, b""), "no_kind": (0, bytes(4)), "too_large": (0, b"\x10\0\0\1" + bytes(9)),
        "announced_only": (0, b"\x0f\xff\xff\xff\2"), "cut": (0, b"\0\0\0\5\1\1"),
        "kind_of_later": (0, b"\0\0\0\3\x30\1\2" + b"\0\0\0\1\x0a"),
        "trailing": (0, b"\0\0\0\2\x0a\0"), "truth_of_2": (0, b"\0\0\0\3\3\1\2"),
        "words_of_one_byte": (0, b"\0\0\1\2" + words + b"\6" * 256),
        "events_of_nothing": (1, b"\0\0\0\4" + events + b"\x63"),
        "payload_longer_than_it_is": (1, b"\0\0\0\x1a" + events + b"\5\0\0" + bytes(16) + b"\0\xff\xff\x03"),
        "request_of_nothing": (0, b"\0\0\0\3" + requests + b"\x63"),
        "queues_more_than_bytes": (0, b"\0\0\0\6" + ready + b"\xff\x0f"),
        "infinite": (0, b"\0\0\0\x1d" + words + b"\2" + bytes(16) + b"\1" + bytes(6) + b"\xf0\x7f" + b"\0"),
        "endless_number": (1, b"\0\0\0\x0c\x42" + b"\xff" * 11),
    }
    for name, (who, stream) in hostile.items():
        yield name, bytes([who, 5, 1]) + stream


def main():
    targets = {"gate_frames": dict(gate_frames()), "journal_records": dict(journal_records()),
               "link_frames": dict(link_frames())}
    if "--check" in sys.argv[1:]:
        for target, seeds in targets.items():
            there = {path.name: path.read_bytes() for path in (CORPUS / target).iterdir()}
            if there != seeds:
                sys.exit(f"{CORPUS / target} is not what generate.py writes")
        return
    for target, seeds in targets.items():
        shutil.rmtree(CORPUS / target, ignore_errors=True)
        (CORPUS / target).mkdir(parents=True)
        for name, seed in seeds.items():
            (CORPUS / target / name).write_bytes(seed)
        print(f"{len(seeds)} inputs for {target}")


if __name__ == "__main__":
    main()
