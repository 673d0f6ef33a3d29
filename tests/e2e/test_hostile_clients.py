"""Whatever comes over the WebSocket is answered clearly, and others notice nothing."""

import json
import random
import socket

import msgpack
import pytest

from harness import Client, Steady, eventually
from harness.raw_ws import BINARY, CLOSE, PING, PONG, TEXT, RawWebSocket

PEAK_MIB_MAX = 200
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


@pytest.fixture
def new_raw(server, steady, make):
    return lambda encoding="json": make(RawWebSocket(server, encoding))


def submit(**fields):
    return {"op": "submit", "id": 1, "payload": 1, **fields}


# What a client sends, and what the answer's message must name.
NOT_UNDERSTOOD = {
    "nothing": ("", None),
    "space": (" \n", None),
    "no json": ("hello", None),
    "json cut off": ('{"op":"submit"', None),
    "a number": ("1", None),
    "null": ("null", None),
    "a text": ('"submit"', None),
    "two ops": ('{"op":"ack","seq":1}{"op":"ack","seq":2}', None),
    "an array cut off": ('[{"op":"ack","seq":1},', None),
    "garbage in an array": ('[1, null, "x", [], {}, [[]], tru]', None),
    "not a number": ('{"op":"ack","seq":NaN}', None),
    "an array as an op": ('[["ack"]]', "map"),
    "no op": ('{"id":1}', "op"),
    "op that is a number": ('{"op":1}', None),
    "op that is null": ('{"op":null}', None),
    "unknown op": ('{"op":"explode"}', "explode"),
    "unknown long op": (json.dumps({"op": "x" * 100_000}), "xxx"),
    "unknown key": ('{"op":"ack","seq":1,"colour":"red"}', "colour"),
    "key of another op": ('{"op":"ack","seq":1,"queue":"q"}', "queue"),
    "the same key twice": ('{"op":"ack","seq":1,"seq":2}', "seq"),
    "ack without seq": ('{"op":"ack"}', "seq"),
    "ack of a text": ('{"op":"ack","seq":"1"}', None),
    "ack of less than none": ('{"op":"ack","seq":-1}', None),
    "ack of too much": ('{"op":"ack","seq":99999999999999999999999}', None),
    "cancel without id": ('{"op":"cancel"}', "id"),
    "cancel of a list": ('{"op":"cancel","id":[1]}', None),
    "cancel of a float": ('{"op":"cancel","id":1.5}', None),
    "cancel of an unknown job": ('{"op":"cancel","id":"who"}', "who"),
    "submit without id": ('{"op":"submit","payload":1}', "id"),
    "submit with a null id": ('{"op":"submit","payload":1,"id":null}', "id"),
    "submit with a boolean id": ('{"op":"submit","payload":1,"id":true}', "id"),
    "submit with an id over 64 bits": ('{"op":"submit","payload":1,"id":9223372036854775808}', "id"),
    "submit with a long id": (json.dumps(submit(id="x" * 129)), "129"),
    "topic missing": ('{"op":"subscribe"}', "topic"),
    "topic empty": ('{"op":"subscribe","topic":""}', "topic"),
    "topic too long": (json.dumps({"op": "subscribe", "topic": "t" * 129}), "129"),
    "hello with a numeric token": ('{"op":"hello","token":1}', None),
    "hello that resumes a number": ('{"op":"hello","resume":1}', "resume"),
    "nested too deep": ("[" * 100_000, None),
    "nested too deep and closed": ("[" * 100_000 + "]" * 100_000, None),
    "nested maps": ('{"op":' * 100_000, None),
    "a lone surrogate": ('{"op":"subscribe","topic":"\\ud800"}', None),
    "a byte order mark": ('\ufeff{"op":"ack","seq":1}', None),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_what_is_not_understood(new_raw, name):
    text, named = NOT_UNDERSTOOD[name]
    raw = new_raw()
    raw.send_frame(text.encode("utf-8", "surrogatepass"))
    event = raw.event()
    assert (event["ev"], event["code"]) == ("error", "bad_request"), event
    assert event["message"] and len(event["message"]) < 1000
    if named:
        assert named in event["message"], event
    assert raw.lives()


REJECTED = {
    "no payload": ({"payload": ...}, "payload"),
    "unknown key": ({"colour": "red"}, "colour"),
    "unknown keys that are long": ({"c" * 10_000: 1}, "ccc"),
    "priority too high": ({"priority": 10}, "priority"),
    "priority too low": ({"priority": -1}, None),
    "priority that is a text": ({"priority": "high"}, None),
    "priority of a half": ({"priority": 4.5}, None),
    "no attempts": ({"attempts": 0}, "attempts"),
    "too many attempts": ({"attempts": 101}, "attempts"),
    "no time": ({"timeout_ms": 0}, "timeout_ms"),
    "no life": ({"ttl_ms": 0}, "ttl_ms"),
    "too late": ({"delay_ms": 2**40}, "delay_ms"),
    "far too late": ({"delay_ms": 2**64 - 1}, "delay_ms"),
    "queue without a name": ({"queue": ""}, "queue"),
    "queue with a space": ({"queue": "a b"}, "queue"),
    "queue with a long name": ({"queue": "q" * 65}, "queue"),
    "queue of another alphabet": ({"queue": "ñ"}, "queue"),
    "queue that is a list": ({"queue": ["q"]}, None),
    "on_disconnect unknown": ({"on_disconnect": "explode"}, "on_disconnect"),
    "key of an ack": ({"seq": 1}, "seq"),
    "long key": ({"key": "k" * 129}, "key"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_submits_that_are_rejected(new_raw, encoding, name):
    fields, named = REJECTED[name]
    raw = new_raw(encoding)
    raw.send({k: v for k, v in submit(**fields).items() if v is not ...})
    event = raw.event()
    assert (event["ev"], event["code"], event["id"]) == ("rejected", "bad_request", 1), event
    if named:
        assert named in event["message"], event
    assert raw.lives()


def test_nesting_of_a_payload(new_raw, encoding):
    raw = new_raw(encoding)

    def nested(levels):
        if encoding == "json":
            raw.send_frame(b'{"op":"submit","id":1,"payload":' + b"[" * levels + b"]" * levels + b"}")
        else:
            head = b"\x83\xa2op\xa6submit\xa2id\x01\xa7payload"
            raw.send_frame(head + b"\x91" * levels + b"\x01", BINARY)
        return raw.event()

    assert nested(128)["ev"] == "accepted"
    for levels in (129, 1000, 100_000, 1_000_000):
        event = nested(levels)
        assert (event["ev"], event["code"]) in (("rejected", "bad_request"), ("error", "bad_request"))
    assert raw.lives()


NOT_UNDERSTOOD_MSGPACK = {
    "nothing": b"",
    "a number": b"\x01",
    "nil": b"\xc0",
    "reserved": b"\xc1",
    "map cut off": b"\x82\xa2op",
    "map and more": msgpack.packb({"op": "ack", "seq": 1}) + b"\x00",
    "map of 4 G": b"\xdf\xff\xff\xff\xff",
    "map of 65,535": b"\xde\xff\xff\xa2op\xa3ack",
    "text of 4 G": b"\x81\xdb\xff\xff\xff\xff",
    "bin of 4 G": b"\x83\xa2op\xa6submit\xa2id\x01\xa7payload\xc6\xff\xff\xff\xff",
    "extension of 4 G": b"\xc9\xff\xff\xff\xff\x01",
    "key that is a number": b"\x81\x01\x02",
    "key that is no utf-8": b"\x81\xa2\xff\xfe\x01",
    "op that is no utf-8": b"\x81\xa2op\xa2\xff\xfe",
    "json": b'{"op":"ack","seq":1}',
    "arrays in arrays": b"\x91" * 1_000_000,
    "maps in maps": b"\x81\xa2op" * 100_000,
    "unknown key": msgpack.packb({"op": "ack", "seq": 1, "colour": "red"}),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD_MSGPACK)
def test_what_is_not_understood_in_msgpack(new_raw, name):
    raw = new_raw("msgpack")
    raw.send_frame(NOT_UNDERSTOOD_MSGPACK[name], BINARY)
    event = raw.event()
    assert (event["ev"], event["code"]) == ("error", "bad_request"), event
    if name == "unknown key":
        assert "colour" in event["message"]
    assert raw.lives()


def test_random_ops(new_raw, encoding):
    """Ops made of all keys and odd values: each gets an answer or is carried out."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    values = [None, True, 0, -1, 2**63, 1.5, "", "x", "submit", "ü" * 200, [], {}, [1], {"op": "ack"}]
    keys = ["id", "payload", "queue", "priority", "delay_ms", "timeout_ms", "ttl_ms", "attempts", "key",
            "on_disconnect", "batch", "seq", "topic", "token", "resume", "last", "colour"]
    ops = ["submit", "cancel", "ack", "subscribe", "unsubscribe", "hello", "", "x", None, 7]
    raw = new_raw(encoding)
    for _ in range(300):
        chosen = rng.sample(keys, rng.randrange(6))
        raw.send([{"op": rng.choice(ops), **{key: rng.choice(values) for key in chosen}}])
        if encoding == "msgpack":
            raw.send_frame(rng.randbytes(rng.randrange(40)), BINARY)
    raw.lives()
    assert raw.lives()


def test_bad_ops_do_not_disturb_good_ones(new_raw):
    raw = new_raw()
    raw.send([1, submit(id="a"), {"op": "explode"}, submit(id="a"), None, submit(id="b", colour=1), submit(id="c")])
    assert raw.lives()
    # All in one message: answered before what came after it.
    raw.send([{"op": "cancel", "id": "a"}, {"op": "cancel", "id": "c"}])
    seen = []
    while len([event for event in seen if event["ev"] == "cancelled"]) < 2:
        seen.append(raw.event())
    assert [event["id"] for event in seen if event["ev"] == "cancelled"] == ["a", "c"]


def test_an_array_of_garbage(new_raw):
    raw = new_raw()
    raw.send([1, None, "x", [], {}, {"op": "explode"}, submit(id="a"), submit(id="a"), submit(id="b", colour=1)])
    said = []
    while len(said) < 9:
        event = raw.event()
        said.append((event["ev"], event.get("code"), event.get("id")))
    assert said.count(("error", "bad_request", None)) == 6
    assert ("accepted", None, "a") in said
    assert ("rejected", "duplicate_id", "a") in said
    assert ("rejected", "bad_request", "b") in said


@pytest.mark.parametrize("ops", [10_001, 1_000_000])
def test_too_many_ops(new_raw, encoding, ops):
    raw = new_raw(encoding)
    if encoding == "json":
        raw.send_frame(b"[" + b",".join([b"{}"] * ops) + b"]")
    else:
        raw.send_frame(b"\xdd" + ops.to_bytes(4) + b"\x80" * ops, BINARY)
    event = raw.event()
    assert (event["ev"], event["code"]) == ("error", "too_large"), event
    assert str(ops) in event["message"] and "10000" in event["message"]
    assert raw.lives()


def test_as_many_ops_as_may_be(new_raw):
    raw = new_raw()
    raw.send_frame(b"[" + b",".join([b"{}"] * 10_000) + b"]")
    for _ in range(10_000):
        assert raw.event()["code"] == "bad_request"
    assert raw.lives()


def test_an_empty_array(new_raw, encoding):
    raw = new_raw(encoding)
    raw.send([])
    assert raw.lives()


def test_a_payload_that_is_too_large(new_raw, encoding):
    raw = new_raw(encoding)
    raw.send(submit(id="large", payload="x" * MIB))
    event = raw.event()
    assert (event["ev"], event["code"], event["id"]) == ("rejected", "too_large", "large")
    assert str(MIB) in event["message"]
    raw.send(submit(id="fits", payload="x" * (MIB - 5)))
    assert raw.event()["ev"] == "accepted"
    assert raw.lives()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_that_is_too_large(new_raw, opcode):
    encoding = "json" if opcode == TEXT else "msgpack"
    raw = new_raw(encoding)
    raw.send_frame(b" " * (4 * MIB + 1), opcode)
    assert raw.close_code() == 1009
    # Nor in pieces.
    raw = new_raw(encoding)
    raw.send_frame(b" " * MIB, opcode, fin=False)
    for _ in range(5):
        raw.send_frame(b" " * MIB, 0, fin=False)
    assert raw.close_code() == 1009
    # Nor if it is only announced.
    for size in (2**32, 2**62, 2**63 - 1):
        raw = new_raw(encoding)
        raw.send_frame(b"x", opcode, size=size)
        assert raw.close_code() == 1009


def test_the_other_kind_of_message(new_raw):
    raw = new_raw("json")
    raw.send_frame(msgpack.packb({"op": "ack", "seq": 1}), BINARY)
    assert raw.close_code() == 1003
    raw = new_raw("msgpack")
    raw.send_frame(b'{"op":"ack","seq":1}', TEXT)
    assert raw.close_code() == 1003


@pytest.mark.parametrize("octets", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b'{"op":"\xf5"}', b"\xe2\x82"])
def test_text_that_is_no_utf_8(new_raw, octets):
    raw = new_raw()
    raw.send_frame(octets)
    assert raw.close_code() == 1007


BAD_FRAMES = {
    "reserved bit 1": {"reserved": 4},
    "reserved bit 2": {"reserved": 2},
    "reserved bit 3": {"reserved": 1},
    "unmasked": {"masked": False},
    "unknown opcode": {"opcode": 3},
    "unknown control opcode": {"opcode": 11},
    "continuation of nothing": {"opcode": 0},
    "ping in fragments": {"opcode": PING, "fin": False},
    "ping that is large": {"opcode": PING, "body": b"x" * 126},
    "close of one byte": {"opcode": CLOSE, "body": b"\x03"},
    "close with an unknown code": {"opcode": CLOSE, "body": b"\x00\x01"},
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames(new_raw, name):
    raw = new_raw()
    raw.send_frame(**{"body": b'{"op":"ack","seq":1}', **BAD_FRAMES[name]})
    assert raw.close_code() == 1002


def test_two_messages_at_once(new_raw):
    raw = new_raw()
    raw.send_frame(b'{"op":', fin=False)
    raw.send_frame(b'{"op":"ack","seq":1}')
    assert raw.close_code() == 1002


def test_fragments(new_raw):
    """A message in pieces is a message, whatever comes between them."""
    raw = new_raw()
    text = json.dumps(submit(id="π", payload="π" * 100), ensure_ascii=False).encode()
    for at in range(len(text)):  # also within a character
        raw.send_frame(text[at:at + 1], TEXT if at == 0 else 0, fin=at == len(text) - 1)
        if at == 10:
            raw.send_frame(b"are you there?", PING)
            assert raw.frame() == (PONG, b"are you there?")
    event = raw.event()
    assert (event["ev"], event["id"]) == ("accepted", "π")


def test_pings_and_pongs(new_raw):
    raw = new_raw()
    for n in range(100):
        raw.send_frame(b"%d" % n, PONG)
        raw.send_frame(b"%d" % n, PING)
        assert raw.frame() == (PONG, b"%d" % n)
    assert raw.lives()


def test_garbage_instead_of_frames(server, steady, make):
    rng = random.Random(8080)
    for size in (1, 10, 1000, 100_000):
        raw = make(RawWebSocket(server))
        raw.send_raw(rng.randbytes(size))
        raw.close()


@pytest.mark.parametrize("headers", [
    {},
    {"Connection": "Upgrade"},
    {"Connection": "Upgrade", "Upgrade": "websocket"},
    {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "x"},
    {"Connection": "Upgrade", "Upgrade": "h2c", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"},
])
def test_plain_http(server, steady, headers):
    status, _, text = server.get("/v1/ws", headers)
    assert 400 <= status < 500 and text


def test_other_requests(server, steady):
    assert server.get("/nothing/here")[0] == 404
    assert server.get("/assets/../Cargo.toml")[0] == 404
    assert server.get("/assets/%2e%2e/Cargo.toml")[0] == 404
    for request in (b"\r\n\r\n", b"\x00" * 1000, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 1_000_000,
                    b"POST /v1/ws HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx"):
        with socket.create_connection(server.address("http"), timeout=30) as plain:
            try:
                plain.sendall(request)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(1 << 16):
                    pass
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass


def test_subprotocols(server, make):
    none = make(Client(server, subprotocols=[]))
    assert none.socket.subprotocol is None
    none.send({"op": "hello"})
    welcome = none.heard("welcome")
    assert welcome["resumed"] is False and "session" not in welcome
    assert welcome["limits"]["payload_bytes"] == MIB
    both = make(Client(server, "msgpack", subprotocols=["acequia.v1.msgpack", "other"]))
    assert both.socket.subprotocol == "acequia.v1.msgpack"
    both.send({"op": "hello"})
    both.heard("welcome")


def test_many_sessions_that_end_badly(server, steady):
    for n in range(200):
        raw = RawWebSocket(server)
        raw.send(submit(id=n, queue="nobody", on_disconnect="cancel"))
        if n % 2:
            raw.send_raw(b"\x81\xfe")  # half a frame
        raw.close()
    server.wait_metric("acequia_jobs_ended_total", 200, queue="nobody", outcome="cancelled")


def test_more_sessions_than_may_be(new_server, make):
    server = new_server("--sessions", "3")
    clients = [make(Client(server)) for _ in range(3)]
    with pytest.raises(Exception, match="503"):
        Client(server)
    clients[0].close()

    def one_more():
        try:
            return make(Client(server))
        except Exception:
            return None

    eventually(one_more, "room for another session")
