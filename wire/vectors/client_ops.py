"""Messages of clients: ops, in both encodings."""

import struct

from forms import pack, payload, raw, text, times, to_json

JSON, MSGPACK, OCTETS = "application/json", "application/msgpack", "application/octet-stream"
KNOWN = "known are hello, submit, cancel, watch, ack, subscribe, unsubscribe"


class Raw:
    """A payload's JSON, to be written as it stands."""

    def __init__(self, text):
        self.text = text


def submit(id, payload, **fields):
    """What a submit means: all its fields, with their defaults."""
    defaults = {"queue": "default", "priority": 4, "delay_ms": 0, "timeout_ms": None,
                "ttl_ms": None, "attempts": 1, "key": None, "on_disconnect": "keep",
                "batch": None, "traceparent": None}
    return {"ok": {"op": "submit", "id": id, **defaults, **fields, "payload": payload}}


def rejected(id, code, says):
    return {"refused": {"as": "rejected", "id": id, "code": code, "says": says}}


def error(code, says, id=None):
    return {"refused": {"as": "error", "id": id, "code": code, "says": says}}


def hello(token=None, resume=None):
    return {"ok": {"op": "hello", "token": token, "resume": resume}}


def json_op(pairs):
    values = (value.text if isinstance(value, Raw) else to_json(value) for value in pairs.values())
    return "{" + ",".join(f"{to_json(k)}:{v}" for k, v in zip(pairs, values)) + "}"


# The keys of a submit in the order in which the encoders write them, those of default left out.
FULL = {"op": "submit", "id": "all", "queue": "images.eu-1_a", "priority": 9, "delay_ms": 1500,
        "timeout_ms": 30000, "ttl_ms": 60000, "attempts": 5, "key": "order-17", "batch": "night",
        "on_disconnect": "cancel",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
FULL_MEANING = {k: v for k, v in FULL.items() if k not in ("op", "id")}

MONTH_MS = 2592000000
JOB = "01938c2e-7a3b-7c4d-9e5f-60718293a4b5"

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TAKEN = f"00-{TRACE}-{SPAN}-01"
# name, as it is sent, as it is taken.
TRACEPARENTS = [
    ("not_sampled", f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
    ("random", f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
    ("reserved_flags", f"00-{TRACE}-{SPAN}-f9", TAKEN),
    ("of_a_later_version", f"01-{TRACE}-{SPAN}-01", TAKEN),
    ("of_a_later_version_with_more", f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", TAKEN),
]
SHAPE = "`traceparent`: it must be VERSION-TRACE-PARENT-FLAGS"
# name, as it is sent, what is said of it.
NO_TRACEPARENTS = [
    ("empty", "", SHAPE), ("short", TAKEN[:-1], SHAPE), ("long", TAKEN + "0", SHAPE),
    ("with_more", TAKEN + "-more", SHAPE), ("upper_case", TAKEN.upper(), SHAPE),
    ("no_hex", TAKEN.replace("f", "g"), SHAPE), ("no_dashes", TAKEN.replace("-", "_"), SHAPE),
    ("spaces", f" {TAKEN} ", SHAPE), ("umlaut", TAKEN[:-2] + "ü", SHAPE),
    ("of_a_later_version_longer_flags", f"01-{TRACE}-{SPAN}-01more", SHAPE),
    ("version_ff", f"ff-{TRACE}-{SPAN}-01", "`traceparent`: its version is ff"),
    ("trace_zero", f"00-{'0' * 32}-{SPAN}-01", "`traceparent`: its trace id is all zeros"),
    ("parent_zero", f"00-{TRACE}-{'0' * 16}-01", "`traceparent`: its parent id is all zeros"),
    ("number", 1, "`traceparent` must be a string"),
]

# name, pairs, what it means, whether the encoders write the very same bytes. In both encodings.
BOTH = [
    ("hello", {"op": "hello"}, hello(), True),
    ("hello_token", {"op": "hello", "token": "a.b.c"}, hello("a.b.c"), True),
    ("hello_resume_new", {"op": "hello", "resume": True}, hello(None, {"new": True}), True),
    ("hello_resume_false", {"op": "hello", "resume": False}, hello(), False),
    ("hello_resume_session", {"op": "hello", "token": "t", "resume": "s3cret", "last": 17},
     hello("t", {"secret": "s3cret", "last": 17}), True),
    ("hello_resume_without_last", {"op": "hello", "resume": "s3cret"},
     hello(None, {"secret": "s3cret", "last": 0}), False),
    ("hello_resume_number", {"op": "hello", "resume": 1}, error("bad_request", "`resume`"), None),
    ("cancel_string", {"op": "cancel", "id": "a"}, {"ok": {"op": "cancel", "id": "a"}}, True),
    ("cancel_integer", {"op": "cancel", "id": 7}, {"ok": {"op": "cancel", "id": 7}}, True),
    ("cancel_without_id", {"op": "cancel"}, error("bad_request", "`cancel` needs `id`"), None),
    ("cancel_null_id", {"op": "cancel", "id": None},
     error("bad_request", "`cancel` needs `id`"), None),
    ("cancel_with_payload", {"op": "cancel", "id": 1, "payload": 1},
     error("bad_request", "`cancel` has no key `payload`"), None),
    ("ack", {"op": "ack", "seq": 0}, {"ok": {"op": "ack", "seq": 0}}, True),
    ("ack_largest", {"op": "ack", "seq": 2**64 - 1},
     {"ok": {"op": "ack", "seq": 2**64 - 1}}, True),
    ("ack_without_seq", {"op": "ack"}, error("bad_request", "`ack` needs `seq`"), None),
    ("ack_negative", {"op": "ack", "seq": -1},
     error("bad_request", "`seq` must be a positive integer"), None),
    ("ack_fraction", {"op": "ack", "seq": 1.5},
     error("bad_request", "`seq` must be an integer"), None),
    ("ack_whole_float", {"op": "ack", "seq": 1.0}, {"ok": {"op": "ack", "seq": 1}}, False),
    ("ack_large_float", {"op": "ack", "seq": 1.75e15},
     {"ok": {"op": "ack", "seq": 1750000000000000}}, False),
    ("ack_minus_zero", {"op": "ack", "seq": -0.0}, {"ok": {"op": "ack", "seq": 0}}, False),
    ("ack_beyond_64_bits", {"op": "ack", "seq": 1e20},
     error("bad_request", "`seq` must be an integer of 64 bits"), None),
    ("ack_beyond_all", {"op": "ack", "seq": 1e300},
     error("bad_request", "`seq` must be an integer of 64 bits"), None),
    ("ack_text", {"op": "ack", "seq": "1"}, error("bad_request", "`seq` must be an integer"), None),
    ("hello_last_float", {"op": "hello", "resume": "s", "last": 17.0},
     hello(None, {"secret": "s", "last": 17}), False),
    ("hello_token_number", {"op": "hello", "token": 1},
     error("bad_request", "`token` must be a string"), None),
    ("cancel_float", {"op": "cancel", "id": 7.0}, {"ok": {"op": "cancel", "id": 7}}, False),
    ("watch_job", {"op": "watch", "id": "w", "job": JOB},
     {"ok": {"op": "watch", "id": "w", "job": JOB}}, True),
    ("watch_batch", {"op": "watch", "id": 7, "batch": "night"},
     {"ok": {"op": "watch", "id": 7, "batch": "night"}}, True),
    ("watch_no_job_id", {"op": "watch", "id": 7, "job": "the last one"},
     error("bad_request", "`job`: a job id is a UUID", 7), None),
    ("watch_job_number", {"op": "watch", "id": 7, "job": 8},
     error("bad_request", "`job` must be a string", 7), None),
    ("watch_both", {"op": "watch", "id": 7, "job": JOB, "batch": "night"},
     error("bad_request", "`watch` needs either `job` or `batch`", 7), None),
    ("watch_nothing", {"op": "watch", "id": 7},
     error("bad_request", "`watch` needs either `job` or `batch`", 7), None),
    ("watch_without_id", {"op": "watch", "job": JOB},
     error("bad_request", "`watch` needs `id`"), None),
    ("watch_empty_batch", {"op": "watch", "id": 7, "batch": ""},
     error("bad_request", "`batch` has 0 bytes; it must have 1 to 128", 7), None),
    ("submit_with_a_job", {"op": "submit", "id": 7, "payload": 1, "job": JOB},
     rejected(7, "bad_request", "`submit` has no key `job`"), None),
    ("subscribe", {"op": "subscribe", "topic": "news"},
     {"ok": {"op": "subscribe", "topic": "news"}}, True),
    ("subscribe_longest", {"op": "subscribe", "topic": "ü" * 64},
     {"ok": {"op": "subscribe", "topic": "ü" * 64}}, True),
    ("subscribe_too_long", {"op": "subscribe", "topic": "t" * 129},
     error("bad_request", "`topic` has 129 bytes; it must have 1 to 128"), None),
    ("subscribe_empty", {"op": "subscribe", "topic": ""}, error("bad_request", "`topic`"), None),
    ("subscribe_without_topic", {"op": "subscribe"},
     error("bad_request", "`subscribe` needs `topic`"), None),
    ("unsubscribe", {"op": "unsubscribe", "topic": "news"},
     {"ok": {"op": "unsubscribe", "topic": "news"}}, True),
    ("unknown_op", {"op": "Submit", "id": 1, "payload": 1}, error("bad_request", KNOWN), None),
    ("empty_op", {"op": "", "id": 1}, error("bad_request", "unknown op \"\""), None),
    ("long_op", {"op": "x" * 500}, error("bad_request", "unknown op \"" + "x" * 64 + "\";"), None),
    ("no_op", {"id": 1, "payload": 1}, error("bad_request", "`op`"), None),
    ("null_op", {"op": None}, error("bad_request", "an op needs `op`"), None),
    ("number_op", {"op": 1}, error("bad_request", "`op` must be a string"), None),
    ("unknown_key", {"op": "ack", "seq": 1, "shape": 2}, error("bad_request", "`ack` has no key `shape`"), None),
    ("empty_key", {"op": "ack", "seq": 1, "": 2}, error("bad_request", "`ack` has no key ``"), None),
    ("submit_unknown_key", {"op": "submit", "id": "u", "payload": 1, "prio": 2},
     rejected("u", "bad_request", "`submit` has no key `prio`"), None),
    ("submit_key_of_ack", {"op": "submit", "id": "u", "payload": 1, "seq": 2},
     rejected("u", "bad_request", "`submit` has no key `seq`"), None),
    ("submit_without_id", {"op": "submit", "payload": 1},
     error("bad_request", "`submit` needs `id`"), None),
    ("submit_without_payload", {"op": "submit", "id": "p"},
     rejected("p", "bad_request", "`submit` needs `payload`"), None),
    ("submit_id_fraction", {"op": "submit", "id": 1.5, "payload": 1},
     error("bad_request", "`id` must be a string or an integer of 64 bits"), None),
    ("submit_id_float_beyond_64_bits", {"op": "submit", "id": 2.0**63, "payload": 1},
     error("bad_request", "`id` must be a string or an integer of 64 bits"), None),
    ("submit_id_boolean", {"op": "submit", "id": True, "payload": 1},
     error("bad_request", "`id`"), None),
    ("submit_id_array", {"op": "submit", "id": [1], "payload": 1},
     error("bad_request", "`id`"), None),
    ("submit_id_beyond_64_bits", {"op": "submit", "id": 2**63, "payload": 1},
     error("bad_request", "`id`"), None),
    ("submit_id_too_long", {"op": "submit", "id": "i" * 129, "payload": 1},
     error("bad_request", "`id` has 129 bytes; the limit is 128"), None),
    ("submit_queue_empty", {"op": "submit", "id": 1, "payload": 1, "queue": ""},
     rejected(1, "bad_request", "`queue`: a queue name is 1 to 64 bytes of [A-Za-z0-9._-]"), None),
    ("submit_queue_slash", {"op": "submit", "id": 1, "payload": 1, "queue": "a/b"},
     rejected(1, "bad_request", "`queue`"), None),
    ("submit_queue_umlaut", {"op": "submit", "id": 1, "payload": 1, "queue": "grün"},
     rejected(1, "bad_request", "`queue`"), None),
    ("submit_queue_zero_byte", {"op": "submit", "id": 1, "payload": 1, "queue": "a\0"},
     rejected(1, "bad_request", "`queue`"), None),
    ("submit_queue_too_long", {"op": "submit", "id": 1, "payload": 1, "queue": "q" * 65},
     rejected(1, "bad_request", "`queue`"), None),
    ("submit_queue_number", {"op": "submit", "id": 1, "payload": 1, "queue": 5},
     rejected(1, "bad_request", "`queue` must be a string"), None),
    ("submit_priority_10", {"op": "submit", "id": 1, "payload": 1, "priority": 10},
     rejected(1, "bad_request", "`priority` is 10; it must be from 0 to 9"), None),
    ("submit_priority_negative", {"op": "submit", "id": 1, "payload": 1, "priority": -1},
     rejected(1, "bad_request", "`priority` must be a positive integer"), None),
    ("submit_priority_text", {"op": "submit", "id": 1, "payload": 1, "priority": "high"},
     rejected(1, "bad_request", "`priority` must be an integer"), None),
    ("submit_delay_fraction", {"op": "submit", "id": 1, "payload": 1, "delay_ms": 0.5},
     rejected(1, "bad_request", "`delay_ms` must be an integer"), None),
    ("submit_attempts_boolean", {"op": "submit", "id": 1, "payload": 1, "attempts": True},
     rejected(1, "bad_request", "`attempts` must be an integer"), None),
    ("submit_key_number", {"op": "submit", "id": 1, "payload": 1, "key": 7},
     rejected(1, "bad_request", "`key` must be a string"), None),
    ("submit_batch_map", {"op": "submit", "id": 1, "payload": 1, "batch": {"a": 1}},
     rejected(1, "bad_request", "`batch` must be a string"), None),
    ("submit_refused_before_its_id", {"queue": 1, "priority": [], "payload": 1, "op": "submit",
                                      "id": "x"},
     rejected("x", "bad_request", "`queue` must be a string"), None),
    ("submit_priority_beyond_64_bits", {"op": "submit", "id": 1, "payload": 1,
                                        "priority": 2**64 - 1},
     rejected(1, "bad_request", "`priority`"), None),
    ("submit_delay_too_long", {"op": "submit", "id": 1, "payload": 1, "delay_ms": MONTH_MS + 1},
     rejected(1, "bad_request", f"`delay_ms` is {MONTH_MS + 1}; it must be from 0 to {MONTH_MS}"),
     None),
    ("submit_timeout_zero", {"op": "submit", "id": 1, "payload": 1, "timeout_ms": 0},
     rejected(1, "bad_request", f"`timeout_ms` is 0; it must be from 1 to {MONTH_MS}"), None),
    *[(f"submit_traceparent_{name}", {"op": "submit", "id": 1, "payload": 1, "traceparent": given},
       rejected(1, "bad_request", says), None) for name, given, says in NO_TRACEPARENTS],
    ("submit_ttl_zero", {"op": "submit", "id": 1, "payload": 1, "ttl_ms": 0},
     rejected(1, "bad_request", "`ttl_ms`"), None),
    ("submit_attempts_zero", {"op": "submit", "id": 1, "payload": 1, "attempts": 0},
     rejected(1, "bad_request", "`attempts` is 0; it must be from 1 to 100"), None),
    ("submit_attempts_101", {"op": "submit", "id": 1, "payload": 1, "attempts": 101},
     rejected(1, "bad_request", "`attempts`"), None),
    ("submit_key_empty", {"op": "submit", "id": 1, "payload": 1, "key": ""},
     rejected(1, "bad_request", "`key` has 0 bytes; it must have 1 to 128"), None),
    ("submit_batch_too_long", {"op": "submit", "id": 1, "payload": 1, "batch": "b" * 129},
     rejected(1, "bad_request", "`batch`"), None),
    ("submit_on_disconnect_unknown",
     {"op": "submit", "id": 1, "payload": 1, "on_disconnect": "drop"},
     rejected(1, "bad_request", "`on_disconnect` must be \"keep\", \"cancel\" or a map"), None),
    ("submit_on_disconnect_another_key",
     {"op": "submit", "id": 1, "payload": 1, "on_disconnect": {"after_ms": 1}},
     rejected(1, "bad_request", "`cancel_after_ms`"), None),
    ("submit_on_disconnect_two_keys",
     {"op": "submit", "id": 1, "payload": 1,
      "on_disconnect": {"cancel_after_ms": 1, "after_ms": 1}},
     rejected(1, "bad_request", "`on_disconnect` must be"), None),
    ("submit_on_disconnect_empty",
     {"op": "submit", "id": 1, "payload": 1, "on_disconnect": {}},
     rejected(1, "bad_request", "`cancel_after_ms`"), None),
    ("submit_on_disconnect_text",
     {"op": "submit", "id": 1, "payload": 1, "on_disconnect": {"cancel_after_ms": "1"}},
     rejected(1, "bad_request", "`on_disconnect` must be"), None),
    ("submit_on_disconnect_at_once",
     {"op": "submit", "id": 1, "payload": 1, "on_disconnect": {"cancel_after_ms": 0}},
     rejected(1, "bad_request", "`cancel_after_ms` is 0; it must be from 1"), None),
    ("submit_on_disconnect_too_late",
     {"op": "submit", "id": 1, "payload": 1, "on_disconnect": {"cancel_after_ms": MONTH_MS + 1}},
     rejected(1, "bad_request", "`cancel_after_ms`"), None),
]

# Submits whose payload the encodings carry each in its own way.
SUBMITS = [
    ("submit_least", {"op": "submit", "id": "a"}, {}, True),
    ("submit_full", FULL, FULL_MEANING, True),
    ("submit_cancel_after", {"op": "submit", "id": "a", "on_disconnect": {"cancel_after_ms": 5000}},
     {"on_disconnect": {"cancel_after_ms": 5000}}, True),
    ("submit_id_empty", {"op": "submit", "id": ""}, {}, True),
    ("submit_id_longest", {"op": "submit", "id": "i" * 128}, {}, True),
    ("submit_id_negative", {"op": "submit", "id": -1}, {}, True),
    ("submit_id_smallest", {"op": "submit", "id": -(2**63)}, {}, True),
    ("submit_id_largest", {"op": "submit", "id": 2**63 - 1}, {}, True),
    ("submit_id_unicode", {"op": "submit", "id": "acequia 🚰 \"q\\"}, {}, True),
    ("submit_nulls_are_absent", {"op": "submit", "id": 1, "queue": None, "priority": None,
                                 "delay_ms": None, "timeout_ms": None, "ttl_ms": None,
                                 "attempts": None, "key": None, "on_disconnect": None,
                                 "batch": None, "traceparent": None, "seq": None, "topic": None, "token": None,
                                 "resume": None, "last": None}, {}, False),
    ("submit_defaults_spelled_out", {"op": "submit", "id": 1, "queue": "default", "priority": 4,
                                     "delay_ms": 0, "attempts": 1, "on_disconnect": "keep"},
     {}, False),
    ("submit_bounds", {"op": "submit", "id": 1, "queue": "q" * 64, "priority": 0,
                       "delay_ms": MONTH_MS, "timeout_ms": MONTH_MS, "ttl_ms": MONTH_MS,
                       "attempts": 100, "key": "k" * 128, "batch": "b" * 128},
     {"queue": "q" * 64, "priority": 0, "delay_ms": MONTH_MS, "timeout_ms": MONTH_MS,
      "ttl_ms": MONTH_MS, "attempts": 100, "key": "k" * 128, "batch": "b" * 128}, True),
    ("submit_whole_floats",
     {"op": "submit", "id": 1.7e12, "priority": 5.0, "delay_ms": 300.0, "timeout_ms": 1e3,
      "ttl_ms": 2e3, "attempts": 2.0, "on_disconnect": {"cancel_after_ms": 5e3}},
     {"id": 1700000000000, "priority": 5, "delay_ms": 300, "timeout_ms": 1000, "ttl_ms": 2000,
      "attempts": 2, "on_disconnect": {"cancel_after_ms": 5000}}, False),
    ("submit_id_minus_zero", {"op": "submit", "id": -0.0}, {"id": 0}, False),
    ("submit_least_bounds", {"op": "submit", "id": 1, "timeout_ms": 1, "ttl_ms": 1},
     {"timeout_ms": 1, "ttl_ms": 1}, True),
    *[(f"submit_traceparent_{name}", {"op": "submit", "id": 1, "traceparent": given},
       {"traceparent": taken}, given == taken) for name, given, taken in TRACEPARENTS],
]

# name, JSON of the payload. It reaches the worker as it stands.
JSON_PAYLOADS = [
    ("object", '{"b":1,"a":[true,null]}'),
    ("spaces_within", '{ "a" : 1 }'),
    ("null", "null"),
    ("number_of_many_digits", "123456789012345678901234567890.5e400"),
    ("text", '"grüße \\u00fc \\ud83d"'),
    ("brackets_in_text", '"' + "[{" * 200 + '"'),
    ("twice_the_same_key", '{"a":1,"a":2}'),
    ("base64_is_an_object", '{"$base64":"AAEC"}'),
]

# name, MessagePack of the payload, its type, what the worker gets.
MSGPACK_PAYLOADS = [
    ("map", pack({"b": 1, "a": [True, None]}), MSGPACK, pack({"b": 1, "a": [True, None]})),
    ("bin", pack(b"\x00\xff\xc1"), OCTETS, b"\x00\xff\xc1"),
    ("bin_empty", pack(b""), OCTETS, b""),
    ("bin16", pack(b"\x07" * 300), OCTETS, b"\x07" * 300),
    ("nil", b"\xc0", MSGPACK, b"\xc0"),
    ("text", pack("grüße"), MSGPACK, pack("grüße")),
    ("text_not_utf8", b"\xa2\xff\xfe", MSGPACK, b"\xa2\xff\xfe"),
    ("extension", b"\xd6\xff\x00\x00\x00\x01", MSGPACK, b"\xd6\xff\x00\x00\x00\x01"),
    ("not_the_shortest_form", b"\xcf" + bytes(7) + b"\x01", MSGPACK,
     b"\xcf" + bytes(7) + b"\x01"),
    ("float", pack(1.5), MSGPACK, pack(1.5)),
]


def op_bytes(pairs, last_value):
    """A MessagePack op whose `payload` follows as it stands."""
    whole = pack(pairs)
    assert whole[0] & 0xF0 == 0x80 or whole[0] == 0xDE
    count = len(pairs) + 1
    body = whole[1:] if whole[0] & 0xF0 == 0x80 else whole[3:]
    head = bytes([0x80 | count]) if count < 16 else b"\xde" + struct.pack(">H", count)
    return head + body + pack("payload") + last_value


def case(name, encoding, form, ops, canonical=None, **more):
    made = {"name": f"{encoding}_{name}", "encoding": encoding, **form, **more, "ops": ops}
    if canonical:
        made["canonical"] = True
    return made


def in_both():
    for name, pairs, meaning, canonical in BOTH:
        yield case(name, "json", text(json_op(pairs)), [meaning], canonical)
        yield case(name, "msgpack", raw(pack(pairs)), [meaning], canonical)
    for name, pairs, fields, canonical in SUBMITS:
        ok = submit(**{"id": pairs["id"], "payload": payload(JSON, "[1]"), **fields})
        yield case(name, "json", text(json_op({**pairs, "payload": Raw("[1]")})), [ok], canonical)
        ok = submit(**{"id": pairs["id"], "payload": payload(OCTETS, b"\x01"), **fields})
        form = raw(op_bytes(pairs, pack(b"\x01")))
        yield case(name, "msgpack", form, [ok], canonical)


def in_json():
    least = {"op": "submit", "id": 1}
    for name, value in JSON_PAYLOADS:
        form = text(json_op({**least, "payload": Raw(value)}))
        yield case(f"payload_{name}", "json", form, [submit(1, payload(JSON, value))], True)
    ack, cancel = {"op": "ack", "seq": 1}, {"op": "cancel", "id": "c"}
    acked, cancelled = {"ok": ack}, {"ok": cancel}
    bad = error("bad_request", "not an op, nor an array of ops, in JSON")

    def one(name, message, *ops, **more):
        return case(name, "json", text(message), list(ops), **more)

    yield one("spaces_around", " \t\r\n" + to_json(ack) + " \n", acked)
    yield one("keys_in_any_order", '{"payload":1,"id":1,"op":"submit"}',
              submit(1, payload(JSON, "1")))
    yield one("escapes_in_keys_and_values",
              '{"\\u006fp":"s\\u0075bmit","id":"\\ud83d\\udeb0","payload":"\\n"}',
              submit("🚰", payload(JSON, '"\\n"')))
    yield one("array", f"[{to_json(ack)}, {to_json(cancel)}]", acked, cancelled)
    yield one("array_of_one", f" [ {to_json(ack)} ] ", acked)
    yield one("array_empty", "[]")
    yield one("array_with_bad_ones",
              f'[{to_json(ack)},1,{{"op":"submit","id":7,"payload":1,"x":1}},null,'
              f'[{to_json(ack)}],{{}},{to_json(cancel)}]',
              acked, bad, rejected(7, "bad_request", "`x`"), bad,
              error("bad_request", "an op is a map, not an array"),
              error("bad_request", "an op needs `op`, its name"), cancelled)
    yield one("array_unclosed", f"[{to_json(ack)}", bad)
    yield one("array_cut_in_an_op", f'[{to_json(ack)},{{"op":"ack"', bad)
    yield one("array_trailing_comma", f"[{to_json(ack)},]", bad)
    yield one("array_then_more", f"[{to_json(ack)}] 1", bad)
    yield one("op_in_order_of_declaration",
              '[["submit",1,{"x":1},null,null,null,null,null,null,null,null,null,null,null,null,'
              'null,null,null]]', error("bad_request", "an op is a map, not an array"))
    yield case("array_longest", "json",
               times((text("["), 1), (text(to_json(ack) + ","), 9_999), (text(to_json(ack)), 1),
                     (text("]"), 1)), [{**acked, "times": 10_000}])
    yield case("array_too_long", "json",
               times((text("["), 1), (text("0,"), 10_000), (text("0"), 1), (text("]"), 1)),
               [error("too_large", "10001 ops in one message; the limit is 10000")])
    yield one("empty", "", bad)
    yield one("only_spaces", "  ", bad)
    yield one("number", "1", bad)
    yield one("text", '"submit"', bad)
    yield one("null", "null", bad)
    yield one("no_json", "hello", bad)
    yield one("truncated", '{"op":"ack","seq":1', bad)
    yield one("trailing", to_json(ack) + "x", bad)
    yield one("two_ops_without_array", to_json(ack) + to_json(ack), bad)
    yield one("single_quotes", "{'op':'ack','seq':1}", bad)
    yield one("comment", to_json(ack) + "//", bad)
    yield one("byte_order_mark", "\ufeff" + to_json(ack), bad)
    yield one("twice_the_same_key", '{"op":"ack","seq":1,"seq":2}',
              error("bad_request", "`seq` is there twice"))
    yield one("submit_with_a_key_twice", '{"op":"submit","id":7,"payload":1,"payload":2}',
              rejected(7, "bad_request", "`payload` is there twice"))
    yield one("submit_with_its_id_twice", '{"op":"submit","id":7,"id":8,"payload":2}',
              rejected(7, "bad_request", "`id` is there twice"))
    yield one("submit_with_half_a_pair_in_a_key", '{"op":"submit","\\ud83d":1,"id":7,"payload":1}',
              rejected(7, "bad_request", "`submit` has no key `\ufffd`"))
    yield one("submit_with_half_a_pair_in_its_queue",
              '{"op":"submit","queue":"\\ud83d","id":7,"payload":1}',
              rejected(7, "bad_request", "`queue` must be a string"))
    yield one("submit_with_a_number_beyond_all", '{"op":"submit","delay_ms":1e400,"id":7,"payload":1}',
              rejected(7, "bad_request", "`delay_ms` must be an integer of 64 bits"))
    yield one("submit_with_a_magic_id",
              '{"op":"submit","id":{"$serde_json::private::RawValue":"1"},"payload":1}',
              error("bad_request", "`id` must be a string or an integer of 64 bits"))
    yield one("lone_surrogate_in_id", '{"op":"submit","id":"\\ud83d","payload":1}',
              error("bad_request", "`id` must be a string or an integer of 64 bits"))
    yield one("nan", '{"op":"ack","seq":NaN}', bad)
    yield one("leading_zero", '{"op":"ack","seq":01}', bad)
    yield one("exponent", '{"op":"ack","seq":1e2}', {"ok": {"op": "ack", "seq": 100}})
    yield one("exponent_that_makes_it_whole", '{"op":"ack","seq":1.25E+2}',
              {"ok": {"op": "ack", "seq": 125}})
    yield one("digits_beyond_a_double", '{"op":"ack","seq":9007199254740993.0}',
              {"ok": {"op": "ack", "seq": 9007199254740993}})
    yield one("exponent_that_makes_it_none", '{"op":"ack","seq":1e-2}',
              error("bad_request", "`seq` must be an integer"))
    yield one("minus_zero", '{"op":"ack","seq":-0}', {"ok": {"op": "ack", "seq": 0}})
    yield one("beyond_64_bits", '{"op":"ack","seq":18446744073709551616}',
              error("bad_request", "`seq` must be an integer of 64 bits"))
    yield case("not_utf8", "json", raw(b'{"op":"cancel","id":"\xff"}'),
               [error("bad_request", "not UTF-8")])
    yield case("surrogate_in_utf8", "json", raw(b'{"op":"cancel","id":"\xed\xa0\x80"}'),
               [error("bad_request", "not UTF-8")])
    head, tail = text('{"op":"submit","id":"deep","payload":'), text("}")
    for name, levels, ops in [
        ("deepest", 128, [submit("deep", {"type": JSON, **times((text("["), 128),
                                                                (text("]"), 128))})]),
        ("too_deep", 129, [rejected("deep", "bad_request", "nested deeper than 128 levels")]),
        ("far_too_deep", 500_000,
         [rejected("deep", "bad_request", "nested deeper than 128 levels")]),
    ]:
        form = times((head, 1), (text("["), levels), (text("]"), levels), (tail, 1))
        yield case(f"payload_{name}", "json", form, ops)
    yield case("too_deep_where_no_payload_is", "json",
               times((text('{"op":"ack","seq":'), 1), (text("["), 100_000), (text("]"), 100_000),
                     (tail, 1)), [error("bad_request", "`seq` must be an integer")])
    yield case("unclosed_brackets", "json", times((text("["), 1_000_000)), [bad])
    small = {"limits": {"payload_bytes": 8}}
    yield one("payload_largest", '{"op":"submit","id":1,"payload":"123456"}',
              submit(1, payload(JSON, '"123456"')), **small)
    yield one("payload_too_large", '{"op":"submit","id":1,"payload":"1234567"}',
              rejected(1, "too_large", "the payload has 9 bytes; the limit is 8"), **small)
    yield case("payload_too_large_by_default", "json",
               times((text('{"op":"submit","id":1,"payload":"'), 1), (text("x"), 1 << 20),
                     (text('"}'), 1)),
               [rejected(1, "too_large", "the payload has 1048578 bytes; the limit is 1048576")])
    yield case("long_value_is_not_echoed", "json",
               times((text('{"op":"ack","seq":"'), 1), (text("x"), 100_000), (text('"}'), 1)),
               [{"refused": {**bad["refused"], "says": "`seq` must be an integer", "bytes_max": 1024}}])
    yield case("long_key_is_not_echoed", "json",
               times((text('{"op":"ack","'), 1), (text("ü"), 100_000), (text('":1,"seq":1}'), 1)),
               [{"refused": {**bad["refused"], "says": "`ack` has no key `üü", "bytes_max": 1024}}])


def in_msgpack():
    least = {"op": "submit", "id": 1}
    for name, value, content_type, received in MSGPACK_PAYLOADS:
        form = raw(op_bytes(least, value))
        ok = submit(1, payload(content_type, received))
        yield case(f"payload_{name}", "msgpack", form, [ok], True)
    ack, cancel = {"op": "ack", "seq": 1}, {"op": "cancel", "id": "c"}
    acked, cancelled = {"ok": ack}, {"ok": cancel}
    bad = error("bad_request", "not an op, nor an array of ops, in MessagePack")

    def says(what):
        return error("bad_request", what)

    def one(name, message, *ops, **more):
        return case(name, "msgpack", raw(message), list(ops), **more)

    yield one("keys_in_any_order", pack({"payload": b"", "id": 1, "op": "submit"}),
              submit(1, payload(OCTETS, b"")))
    yield one("array", pack([ack, cancel]), acked, cancelled)
    yield one("array16", b"\xdc\x00\x01" + pack(ack), acked)
    yield one("array32", b"\xdd\x00\x00\x00\x01" + pack(ack), acked)
    yield one("map16", b"\xde\x00\x02" + pack(ack)[1:], acked)
    yield one("map32", b"\xdf\x00\x00\x00\x02" + pack(ack)[1:], acked)
    yield one("long_forms_of_short_values",
              b"\x82\xd9\x02op\xdb\x00\x00\x00\x03ack\xa3seq\xcf" + bytes(7) + b"\x01", acked)
    yield one("signed_form_of_a_positive", b"\x82\xa2op\xa3ack\xa3seq\xd3" + bytes(7) + b"\x01",
              acked)
    yield one("array_empty", b"\x90")
    yield one("array_with_bad_ones",
              pack([ack, 1, {"op": "submit", "id": 7, "payload": 1, "x": 1}, None, [ack], {},
                    cancel]),
              acked, bad, rejected(7, "bad_request", "`x`"), bad, bad,
              says("an op needs `op`, its name"), cancelled)
    yield one("array_truncated", pack([ack, ack])[:-1], acked, bad)
    yield one("array_shorter_than_announced", b"\x93" + pack(ack), acked, bad)
    yield one("array_then_more", pack([ack]) + b"\xc0", acked, says("1 bytes follow the value"))
    yield case("array_longest", "msgpack",
               times((raw(b"\xdc" + struct.pack(">H", 10_000)), 1), (raw(pack(ack)), 10_000)),
               [{**acked, "times": 10_000}])
    yield case("array_too_long", "msgpack",
               times((raw(b"\xdc" + struct.pack(">H", 10_001)), 1), (raw(b"\x00"), 10_001)),
               [error("too_large", "10001 ops in one message; the limit is 10000")])
    yield one("array_announced_huge", b"\xdd\xff\xff\xff\xff",
              error("too_large", "4294967295 ops in one message"))
    yield one("map_announced_huge", b"\xdf\xff\xff\xff\xff", bad)
    yield one("payload_announced_huge",
              b"\x83" + pack(least)[1:] + pack("payload") + b"\xc6\xff\xff\xff\xff", bad)
    yield one("key_announced_huge", b"\x81\xdb\xff\xff\xff\xffop", bad)
    yield one("extension_announced_huge", b"\xc9\xff\xff\xff\xff\x01", bad)
    yield one("empty", b"", says("it ends inside a value"))
    yield one("number", b"\x01", bad)
    yield one("text", pack("submit"), bad)
    yield one("nil", b"\xc0", bad)
    yield one("reserved_marker", b"\xc1", says("0xc1 is no MessagePack"))
    yield one("reserved_marker_in_payload", b"\x83" + pack(least)[1:] + pack("payload") + b"\xc1",
              says("0xc1 is no MessagePack"))
    yield one("map_empty", b"\x80", says("an op needs `op`, its name"))
    yield one("json_on_a_msgpack_session", b'{"op":"ack","seq":1}', bad,
              says("19 bytes follow the value"))
    yield one("truncated", pack(ack)[:-1], bad)
    yield one("trailing", pack(ack) + b"\x00\x00", acked, says("2 bytes follow the value"))
    yield one("key_not_text", b"\x81\x01\xa3ack", says("a key of an op: expected a string"))
    yield one("key_bin", b"\x82\xc4\x02op\xa3ack\xa3seq\x01",
              says("a key of an op: expected a string"))
    yield one("key_not_utf8", b"\x81\xa2\xff\xfe\xa3ack", says("a string is not UTF-8"))
    yield one("id_not_utf8", b"\x82\xa2op\xa6cancel\xa2id\xa2\xff\xfe",
              says("`id` must be a string or an integer of 64 bits"))
    yield one("id_bin", pack({"op": "cancel", "id": b"a"}), says("`id` must be"))
    yield one("wrong_type_names_the_key", pack({**least, "payload": 1, "priority": "high"}),
              rejected(1, "bad_request", "`priority` must be an integer"))
    yield one("negative_names_the_key", pack({**least, "payload": 1, "ttl_ms": -1}),
              rejected(1, "bad_request", "`ttl_ms` must be a positive integer"))
    yield one("refused_before_its_id", pack({"op": "submit", "queue": 1, "payload": 1, "id": "x"}),
              rejected("x", "bad_request", "`queue` must be a string"))
    yield one("submit_with_a_key_that_is_no_text",
              b"\x84\xa2op\xa6submit\x01\x01\xa7payload\x01\xa2id\x07",
              rejected(7, "bad_request", "a key of an op: expected a string"))
    yield one("submit_float32", b"\x83\xa2op\xa6submit\xa2id\xca\x40\xe0\0\0\xa7payload\xc4\0",
              submit(7, payload(OCTETS, b"")))
    yield one("ack_nan", pack({"op": "ack", "seq": float("nan")}),
              says("`seq` must be an integer"))
    yield one("twice_the_same_key_the_last_counts",
              b"\x83\xa2op\xa3ack\xa3seq\x01\xa3seq\x02", {"ok": {"op": "ack", "seq": 2}})
    head = raw(op_bytes({"op": "submit", "id": "deep"}, b""))
    too_deep = rejected("deep", "bad_request", "nested deeper than 128 levels")
    for name, levels, ops in [
        ("deepest", 128, [submit("deep", {"type": MSGPACK, **times((raw(b"\x91"), 128),
                                                                   (raw(b"\xc0"), 1))})]),
        ("too_deep", 129, [too_deep]),
        ("far_too_deep", 1_000_000, [too_deep]),
    ]:
        form = times((head, 1), (raw(b"\x91"), levels), (raw(b"\xc0"), 1))
        yield case(f"payload_{name}", "msgpack", form, ops)
    yield case("payload_too_deep_disturbs_no_other", "msgpack",
               times((raw(b"\x93" + pack(ack)), 1), (head, 1), (raw(b"\x91"), 1000),
                     (raw(b"\xc0" + pack(cancel)), 1)), [acked, too_deep, cancelled])
    yield case("too_deep_where_no_payload_is", "msgpack",
               times((raw(b"\x82\xa2op\xa3ack\xa3seq"), 1), (raw(b"\x91"), 100_000),
                     (raw(b"\xc0"), 1)), [says("`seq` must be an integer")])
    yield case("unclosed_arrays", "msgpack", times((raw(b"\x91"), 1_000_000)), [bad])
    small = {"limits": {"payload_bytes": 8}}
    yield one("payload_largest", pack({**least, "payload": b"12345678"}),
              submit(1, payload(OCTETS, b"12345678")), **small)
    yield one("payload_too_large", pack({**least, "payload": b"123456789"}),
              rejected(1, "too_large", "the payload has 9 bytes; the limit is 8"), **small)
    yield case("long_key_is_not_echoed", "msgpack",
               times((raw(b"\x81\xdb" + struct.pack(">I", 100_000)), 1), (text("x"), 100_000),
                     (raw(b"\x01"), 1)),
               [{"refused": {**bad["refused"], "says": "unknown key `xxx", "bytes_max": 1024}}])


def cases():
    return [*in_both(), *in_json(), *in_msgpack()]
