"""The client protocol, by the golden vectors."""

import json

import msgpack
import pytest

from acequia._live.events import BadEvent, is_known
from acequia._live.format import FORMATS

from vectors import bytes_of, cases, name_of

EVENTS = cases("client-events.json")

# What the Rust client refuses and this one does not: an unknown event is to be ignored, of a key that is
# there twice the parser of Python takes the last, and a code is a text for people to read.
LENIENT = {
    "json_unknown_event", "msgpack_unknown_event", "json_twice_the_same_key",
    "json_rejected_unknown_code", "msgpack_rejected_unknown_code",
}


def heard(case):
    message = bytes_of(case)
    event = FORMATS[case["encoding"]].decode(message)
    return event, is_known(event)


def value_of(payload):
    """What a payload is as a value."""
    data = bytes_of(payload)
    if payload["type"] == "application/json":
        return json.loads(data)
    if payload["type"] == "application/msgpack":
        return msgpack.unpackb(data, strict_map_key=False)
    return data.decode() if payload["type"] == "text/plain" else data


@pytest.mark.parametrize("case", [c for c in EVENTS if "event" in c], ids=name_of)
def test_an_event(case):
    event, known = heard(case)
    assert known
    assert event.get("seq") == case.get("seq")
    expected = case["event"]
    for key, value in expected.items():
        if key in ("result", "data"):
            assert event[key] == value_of(case.get("reads", value))
        elif key == "limits":
            # The vectors have all of them, with their defaults.
            assert event[key].items() <= value.items() or "other_limits" in case["name"]
        elif value is not None:
            assert event[key] == value, key
        else:
            assert event.get(key) is None, key


@pytest.mark.parametrize("case", [c for c in EVENTS if "refused" in c], ids=name_of)
def test_what_is_no_event(case):
    if case["name"] in LENIENT:
        assert heard(case)[0]
    else:
        with pytest.raises(BadEvent):
            heard(case)


# Python has no value for these payloads.
UNSPEAKABLE = {"json_payload_number_of_many_digits", "msgpack_payload_text_not_utf8"}

OPS = [c for c in cases("client-ops.json") if c.get("canonical") and c["name"] not in UNSPEAKABLE]


def op_of(said):
    """An op as this client has it: without what is left to the server."""
    op = {}
    for key, value in said.items():
        if value is None or (key in DEFAULTS and value == DEFAULTS[key]):
            continue
        op[key] = value
    if op["op"] == "hello" and "resume" in op:
        resume = op.pop("resume")
        op["resume"] = True if resume.get("new") else resume["secret"]
        if resume.get("last"):
            op["last"] = resume["last"]
    if "payload" in op:
        op["payload"] = payload_of(op.pop("payload"))
    return op


DEFAULTS = {"queue": "default", "priority": 4, "delay_ms": 0, "attempts": 1, "on_disconnect": "keep"}


def payload_of(payload):
    data = bytes_of(payload)
    return data if payload["type"] == "application/octet-stream" else (
        json.loads(data) if payload["type"] == "application/json" else msgpack.unpackb(data, strict_map_key=False)
    )


@pytest.mark.parametrize("case", OPS, ids=name_of)
def test_an_op(case):
    (said,) = case["ops"]
    encoding = FORMATS[case["encoding"]]
    encoded = encoding.encode(op_of(said["ok"]))
    decode = json.loads if case["encoding"] == "json" else lambda data: msgpack.unpackb(data, strict_map_key=False)
    # The order of keys is free.
    assert decode(encoded) == decode(bytes_of(case))


def test_several_ops_are_an_array():
    ops = [{"op": "ack", "seq": 1}, {"op": "cancel", "id": "é"}]
    for encoding, decode in (("json", json.loads), ("msgpack", msgpack.unpackb)):
        format = FORMATS[encoding]
        assert decode(format.joined([format.encode(op) for op in ops])) == ops
        assert decode(format.joined([format.encode(ops[0])])) == ops[0]


def test_json_cannot_say_bytes():
    with pytest.raises(TypeError, match='encoding="msgpack"'):
        FORMATS["json"].encode({"op": "submit", "payload": b"x"})
