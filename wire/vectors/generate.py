#!/usr/bin/env python3
"""Writes the golden vectors of both protocols, and the fuzzers' first corpus from them.

The bytes come from Python's json and from the `msgpack` package of PyPI, so that they agree with
the Rust codecs only if both follow the protocol. What is hostile is written out by hand.

    pip install msgpack
    python3 wire/vectors/generate.py          writes
    python3 wire/vectors/generate.py --check  fails if what is there is not what would be written

README.md, beside this file, explains the format.
"""

import json
import pathlib
import shutil
import sys

import client_events
import client_ops
import worker_frames
from forms import bytes_of

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent.parent / "fuzz" / "corpus"
CORPUS_BYTES_MAX = 16 * 1024


def document(cases):
    """One case a line, so that a change shows as the lines of the cases that changed."""
    names = [case["name"] for case in cases]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    lines = [json.dumps(case, ensure_ascii=True) for case in cases]
    return '{"version": 1, "cases": [\n' + ",\n".join(lines) + "\n]}\n"


def message_seed(case):
    """The first byte picks the encoding: even is JSON, odd is MessagePack."""
    return (b"\1" if case["encoding"] == "msgpack" else b"\0") + bytes_of(case)


def frames_seed(case):
    """The first byte picks the direction; then each frame, after its length in two bytes."""
    seed = b"\1" if case["direction"] == "to_worker" else b"\0"
    for frame in case["frames"] * case.get("times", 1):
        frame = bytes_of(frame)
        if len(frame) > 0xFFFF:
            return None
        seed += len(frame).to_bytes(2, "big") + frame
    return seed


def main():
    ops, events, frames = client_ops.cases(), client_events.cases(), worker_frames.cases()
    files = {
        HERE / "client-ops.json": document(ops).encode(),
        HERE / "client-events.json": document(events).encode(),
        HERE / "worker-frames.json": document(frames).encode(),
    }
    seeds = [("client_op", ops, message_seed), ("client_event", events, message_seed),
             ("worker_frames", frames, frames_seed)]
    for target, cases, seed_of in seeds:
        for case in cases:
            seed = seed_of(case)
            # What differs in its `seq` alone tells a fuzzer nothing new.
            if case["name"].endswith("_seq"):
                continue
            if seed is not None and len(seed) <= CORPUS_BYTES_MAX:
                files[CORPUS / target / case["name"]] = seed

    if "--check" in sys.argv[1:]:
        stale = [path for path, data in files.items()
                 if not path.exists() or path.read_bytes() != data]
        if stale:
            sys.exit("not what generate.py writes: " + ", ".join(str(path) for path in stale))
        return
    for target, _, _ in seeds:
        shutil.rmtree(CORPUS / target, ignore_errors=True)
        (CORPUS / target).mkdir(parents=True)
    for path, data in files.items():
        path.write_bytes(data)
    print(f"{len(ops)} messages of clients, {len(events)} events, {len(frames)} worker messages")


if __name__ == "__main__":
    main()
