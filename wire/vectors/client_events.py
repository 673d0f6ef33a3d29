"""Messages of the server to clients: events, in both encodings."""

import base64
import json
import struct

from forms import pack, payload, raw, text, times, to_json

JSON, MSGPACK, OCTETS = "application/json", "application/msgpack", "application/octet-stream"
PLAIN = "text/plain"
JOB = "01890a5d-ac96-774b-bcce-b302099a8057"
LIMITS = {"payload_bytes": 1048576, "result_bytes": 8388608, "message_bytes": 4194304,
          "client_jobs": 10000, "queue_jobs": 1000000, "waiting_jobs": 1000000,
          "payloads_bytes": 1073741824, "sessions": 100000, "address_connections": 20000,
          "ops_per_s": 100000, "handshake_s": 10, "idle_s": 120}
REJECT_CODES = ["bad_request", "too_large", "queue_full", "too_many_jobs", "rate_limited",
                "unauthorized", "forbidden", "draining", "not_found", "duplicate_id", "storage"]
FAIL_CODES = ["worker_error", "timeout", "worker_lost", "expired", "bad_result",
              "bad_message", "my_own_code"]


SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-bcceb302099a8057-01"


def of_job(ev, id="a", **fields):
    return {"ev": ev, "id": id, "job": JOB, **fields}


# name, the event. All keys are in the order in which the encoders write them. `seq` is put after
# the keys that say whose event it is.
PLAIN_EVENTS = [
    ("accepted", of_job("accepted")),
    ("accepted_integer_id", of_job("accepted", 7)),
    ("accepted_negative_id", of_job("accepted", -(2**63))),
    ("accepted_largest_id", of_job("accepted", 2**63 - 1)),
    ("accepted_odd_id", of_job("accepted", "\"\\/\n\t\r\0\u001f\u007f\u2028 grüße 🚰")),
    ("accepted_empty_id", of_job("accepted", "")),
    ("started", of_job("started", attempt=1, worker="images-3")),
    ("started_again", of_job("started", attempt=100, worker="")),
    ("progress", of_job("progress", done=3, total=10, note="third page")),
    ("progress_fractions", of_job("progress", done=0.25, total=1.5)),
    ("progress_note_only", of_job("progress", note="loading")),
    ("progress_nothing", of_job("progress")),
    ("progress_negative", of_job("progress", done=-1, total=-0.5)),
    ("progress_large", of_job("progress", done=9007199254740992, total=9007199254740991)),
    ("retrying", of_job("retrying", attempt=2, code="worker_error", message="disk full",
                        in_ms=1234)),
    ("retrying_worker_lost", of_job("retrying", attempt=2, code="worker_lost",
                                    message="the worker is gone", in_ms=0)),
    ("cancelled", of_job("cancelled")),
    ("accepted_traced", of_job("accepted", traceparent=SPAN)),
    ("failed_traced", of_job("failed", code="timeout", message="why", attempt=1,
                             traceparent=SPAN)),
    ("cancelled_traced", of_job("cancelled", traceparent=SPAN)),
    ("rejected_after", {"ev": "rejected", "id": 7, "code": "queue_full", "message": "full",
                        "retry_after_ms": 500}),
    ("error", {"ev": "error", "code": "bad_request", "message": "unknown key `x`"}),
    ("error_with_id", {"ev": "error", "id": "a", "code": "bad_request",
                       "message": "no live job has this id"}),
    ("batch", {"ev": "batch", "batch": "night", "jobs": 6, "done": 3, "failed": 2, "cancelled": 1,
               "elapsed_ms": 61234}),
    ("batch_largest", {"ev": "batch", "batch": "b" * 128, "jobs": 2**32 - 1, "done": 2**32 - 1,
                       "failed": 0, "cancelled": 0, "elapsed_ms": 2**64 - 1}),
    ("gap", {"ev": "gap", "missed": 12}),
    ("gap_outcome", {"ev": "gap", "id": 7, "job": JOB, "missed": 1}),
    ("gap_largest", {"ev": "gap", "missed": 2**64 - 1}),
    *[(f"rejected_{code}", {"ev": "rejected", "id": "a", "code": code, "message": "why"})
      for code in REJECT_CODES],
    *[(f"failed_{code}", of_job("failed", code=code, message="why", attempt=1))
      for code in FAIL_CODES],
    ("failed_before_any_run", of_job("failed", code="expired", message="not started within 5 ms",
                                     attempt=0)),
]

# These are about the connection and carry no `seq`.
WITHOUT_SEQ = [
    ("welcome", {"ev": "welcome", "resumed": False, "limits": LIMITS}),
    ("welcome_session", {"ev": "welcome", "session": "s3cret", "resumed": True,
                         "limits": {**LIMITS, "sessions": 1}}),
    ("bye", {"ev": "bye", "reason": "the server stops", "reconnect_in_ms": 1500, "close": 1001}),
    ("bye_taken_over", {"ev": "bye", "reason": "another connection goes on", "reconnect_in_ms": 0,
                        "close": 4001}),
]

# name, the payload as the server has it, its JSON in an event and how a client reads that, its
# MessagePack in an event and how a client reads that.
CARRIED = [
    ("json_object", payload(JSON, '{"b":1,"a":[true,null,"x"]}'),
     '{"b":1,"a":[true,null,"x"]}', None,
     pack({"b": 1, "a": [True, None, "x"]}),
     payload(MSGPACK, pack({"b": 1, "a": [True, None, "x"]}))),
    ("json_null", payload(JSON, "null"), "null", None, b"\xc0", payload(MSGPACK, b"\xc0")),
    ("json_spaces", payload(JSON, '{ "a" : 1.50 }'), '{ "a" : 1.50 }', None,
     pack({"a": 1.5}), payload(MSGPACK, pack({"a": 1.5}))),
    ("json_text", payload(JSON, '"gr\\u00fc\\u00dfe"'), '"gr\\u00fc\\u00dfe"', None,
     pack("grüße"), payload(PLAIN, "grüße")),
    ("json_integers", payload(JSON, "[-9223372036854775808,18446744073709551615]"),
     "[-9223372036854775808,18446744073709551615]", None, pack([-(2**63), 2**64 - 1]),
     payload(MSGPACK, pack([-(2**63), 2**64 - 1]))),
    # Parsers that are quick and not exact read 1.9874417881916272e+203 here.
    ("json_number_to_the_last_bit", payload(JSON, "1.987441788191627e203"),
     "1.987441788191627e203", None, pack(1.987441788191627e203),
     payload(MSGPACK, pack(1.987441788191627e203))),
    ("json_number_out_of_range", payload(JSON, "1e400"), "1e400", None,
     # No double holds it, so the JSON goes as bytes.
     pack(b"1e400"), payload(OCTETS, b"1e400")),
    *[(f"json_{name}", payload(JSON, value), value, None, pack(value.encode()),
       payload(OCTETS, value.encode())) for name, value in [
           # What MessagePack does not hold goes as bytes.
           ("integer_beyond_64_bits", "18446744073709551616"),
           ("integer_below_64_bits", "-9223372036854775809"),
           ("integer_of_many_digits", '{"a":[1,123456789012345678901234567890]}'),
           ("twice_the_same_key", '{"a":1,"b":[],"a":2}'),
           ("twice_the_same_key_escaped", '[{"a":1,"\\u0061":2}]'),
       ]],
    *[(f"json_{name}", payload(JSON, value), value, None, pack(json.loads(value)),
       payload(MSGPACK, pack(json.loads(value)))) for name, value in [
           ("minus_zero", "-0"), ("minus_zero_float", "-0.0"), ("whole_float", "1.0"),
           ("exponent", "1E+2"), ("smallest_double", "5e-324"),
           ("long_fraction", "[0.1000000000000000055511151231257827,12345678901234567890.5]"),
           ("key_of_a_parser", '{"$serde_json::private::RawValue":"[1,2]"}'),
           ("keys_of_a_parser", '[{"$serde_json::private::RawValue":"x","b":1},'
                                '{"$serde_json::private::Number":"12"}]'),
           ("many_forms", '{ "k" : [ ] , "l" : { } , "m" : [ "],{" , "\\"\\\\" ] }'),
           ("deepest", "[" * 128 + "]" * 128),
       ]],
    ("json_lone_surrogate", payload(JSON, '"\\ud83d"'), '"\\ud83d"', None,
     pack(b'"\\ud83d"'), payload(OCTETS, b'"\\ud83d"')),
    ("json_base64", payload(JSON, '{"$base64":"AAEC"}'), '{"$base64":"AAEC"}',
     payload(OCTETS, b"\x00\x01\x02"), pack({"$base64": "AAEC"}),
     payload(MSGPACK, pack({"$base64": "AAEC"}))),
    ("text", payload(PLAIN, "grüße\n\"1\""), to_json("grüße\n\"1\""),
     payload(JSON, to_json("grüße\n\"1\"")), pack("grüße\n\"1\""), None),
    ("text_empty", payload(PLAIN, ""), '""', payload(JSON, '""'), pack(""), None),
    ("text_html", payload("text/html; charset=utf-8", "<p>"), '"<p>"', payload(JSON, '"<p>"'),
     pack("<p>"), payload(PLAIN, "<p>")),
    ("text_not_utf8", payload(PLAIN, b"\xff"), '{"$base64":"/w=="}', payload(OCTETS, b"\xff"),
     pack(b"\xff"), payload(OCTETS, b"\xff")),
    ("octets", payload(OCTETS, bytes(range(256))),
     f'{{"$base64":"{base64.b64encode(bytes(range(256))).decode()}"}}', None,
     pack(bytes(range(256))), None),
    ("octets_empty", payload(OCTETS, b""), '{"$base64":""}', None, pack(b""), None),
    ("octets_that_look_like_json", payload(OCTETS, b"{}"), '{"$base64":"e30="}', None,
     pack(b"{}"), None),
    ("msgpack_map", payload(MSGPACK, pack({"b": 1, "a": b"\x00"})),
     f'{{"$base64":"{base64.b64encode(pack({"b": 1, "a": bytes(1)})).decode()}"}}',
     payload(OCTETS, pack({"b": 1, "a": b"\x00"})), pack({"b": 1, "a": b"\x00"}), None),
    ("msgpack_extension", payload(MSGPACK, b"\xd6\xff\x00\x00\x00\x01"),
     '{"$base64":"1v8AAAAB"}', payload(OCTETS, b"\xd6\xff\x00\x00\x00\x01"),
     b"\xd6\xff\x00\x00\x00\x01", None),
    ("other_type", payload("image/png", b"\x89PNG"), '{"$base64":"iVBORw=="}',
     payload(OCTETS, b"\x89PNG"), pack(b"\x89PNG"), payload(OCTETS, b"\x89PNG")),
    # A type is taken for JSON only if it is spelled exactly so.
    ("json_with_parameter", payload("application/json; charset=utf-8", b"{}"),
     '{"$base64":"e30="}', payload(OCTETS, b"{}"), pack(b"{}"), payload(OCTETS, b"{}")),
]

CARRIERS = [("done", of_job("done"), "result"), ("chunk", of_job("chunk"), "data"),
            ("message", {"ev": "message", "topic": "news"}, "data")]


def with_seq(event, seq):
    """`event` with `seq` at its place."""
    pairs = list(event.items())
    at = sum(key in ("ev", "id", "job") for key in event)
    return dict(pairs[:at] + [("seq", seq)] + pairs[at:])


def json_event(pairs, key=None, value=""):
    last = f',"{key}":{value}' if key else ""
    return to_json(pairs)[:-1] + last + "}"


def msgpack_event(pairs, key=None, value=b""):
    if key is None:
        return pack(pairs)
    return bytes([0x80 | len(pairs) + 1]) + pack(pairs)[1:] + pack(key) + value


def case(name, encoding, form, event, seq=None, canonical=True, reads=None):
    made = {"name": f"{encoding}_{name}", "encoding": encoding, **form, "event": event,
            "seq": seq}
    if canonical:
        made["canonical"] = True
    if reads:
        made["reads"] = reads
    return made


def refused(name, encoding, form, says):
    return {"name": f"{encoding}_{name}", "encoding": encoding, **form, "refused": says}


def plain():
    for name, event in PLAIN_EVENTS + WITHOUT_SEQ:
        yield case(name, "json", text(to_json(event)), event)
        yield case(name, "msgpack", raw(pack(event)), event)
    for nth, (name, event) in enumerate(PLAIN_EVENTS):
        seq = 2**64 - 1 if nth == 0 else nth
        numbered = with_seq(event, seq)
        yield case(f"{name}_seq", "json", text(to_json(numbered)), event, seq)
        yield case(f"{name}_seq", "msgpack", raw(pack(numbered)), event, seq)


def carried():
    for name, has, in_json, reads_json, in_msgpack, reads_msgpack in CARRIED:
        for ev, base, key in CARRIERS if name in ("json_object", "octets") else CARRIERS[:1]:
            for seq in (None, 5) if ev != "done" or name == "json_object" else (None,):
                pairs = base if seq is None else with_seq(base, seq)
                if ev == "chunk":
                    pairs = {**pairs, "n": 1}
                event = {k: v for k, v in pairs.items() if k != "seq"} | {key: has}
                suffix = "" if seq is None else "_seq"
                yield case(f"{ev}_{name}{suffix}", "json", text(json_event(pairs, key, in_json)),
                           event, seq, reads=reads_json)
                form = raw(msgpack_event(pairs, key, in_msgpack))
                yield case(f"{ev}_{name}{suffix}", "msgpack", form, event, seq,
                           reads=reads_msgpack)
    nested = {"type": JSON, **times((text("["), 128), (text("]"), 128))}
    event = of_job("done", result=nested)
    head, tail = text(to_json(of_job("done"))[:-1] + ',"result":'), text("}")
    yield case("done_deepest", "json",
               times((head, 1), (text("["), 128), (text("]"), 128), (tail, 1)), event)
    head = raw(msgpack_event(of_job("done"), "result"))
    yield case("done_deepest", "msgpack", times((head, 1), (raw(b"\x91"), 127), (raw(b"\x90"), 1)),
               event, reads={"type": MSGPACK, **times((raw(b"\x91"), 127), (raw(b"\x90"), 1))})


def read_only():
    """What a server of this version does not write and a client must read all the same."""
    accepted = of_job("accepted")
    extra = {**accepted, "shard": {"a": [1]}}
    yield case("unknown_key", "json", text(to_json(extra)), accepted, canonical=False)
    yield case("unknown_key", "msgpack", raw(pack(extra)), accepted, canonical=False)
    yield case("spaces", "json", text(" " + to_json(accepted).replace(",", " , ") + "\n"),
               accepted, canonical=False)
    exact = of_job("progress", done=3.286479334974948e233)
    yield case("progress_to_the_last_bit", "json", text(to_json(exact)), exact, canonical=False)
    yield case("progress_to_the_last_bit", "msgpack", raw(pack(exact)), exact)
    few = {"ev": "welcome", "resumed": False, "limits": {"payload_bytes": 5, "shards": 1}}
    full = {**few, "limits": {**LIMITS, "payload_bytes": 5}}
    yield case("welcome_of_other_limits", "json", text(to_json(few)), full, canonical=False)
    yield case("welcome_of_other_limits", "msgpack", raw(pack(few)), full, canonical=False)
    done = of_job("done")
    event = {**done, "result": payload(JSON, '{"$base64":"?"}')}
    yield case("base64_that_is_none", "json",
               text(json_event(done, "result", '{"$base64":"?"}')), event)
    event = {**done, "result": payload(JSON, '{"$base64":"AAEC","a":1}')}
    yield case("base64_beside_another_key", "json",
               text(json_event(done, "result", '{"$base64":"AAEC","a":1}')), event)
    traced = {**of_job("done", result=1), "traceparent": SPAN}
    yield case("done_traced", "json", text(to_json(traced)),
               {**traced, "result": payload(JSON, "1")})
    yield case("done_traced", "msgpack", raw(pack(traced)),
               {**traced, "result": payload(MSGPACK, pack(1))})


def hostile():
    accepted, done = of_job("accepted"), of_job("done")
    for name, event, says in [
        ("unknown_event", of_job("exploded"), "unknown event"),
        ("no_ev", {"id": "a", "job": JOB}, ""),
        ("no_id", {"ev": "accepted", "job": JOB}, "no good `id`"),
        ("no_job", {"ev": "accepted", "id": "a"}, "no good `job`"),
        ("job_no_uuid", {"ev": "accepted", "id": "a", "job": "x"}, ""),
        ("done_without_result", done, "no good `result`"),
        ("chunk_without_n", of_job("chunk", data=1), "no good `n`"),
        ("traceparent_none", of_job("accepted", traceparent="00"), "no good `traceparent`"),
        ("started_attempt_text", of_job("started", attempt="1", worker="w"), ""),
        ("failed_without_code", of_job("failed", message="m", attempt=1), "no good `code`"),
        ("rejected_unknown_code", {"ev": "rejected", "id": 1, "code": "no", "message": "m"},
         "no good `code`"),
        ("welcome_without_limits", {"ev": "welcome", "resumed": False}, "no good `limits`"),
        ("welcome_limits_text", {"ev": "welcome", "resumed": False,
                                 "limits": {"sessions": "many"}}, ""),
        ("batch_without_done", {"ev": "batch", "batch": "b", "jobs": 1, "failed": 0,
                                "cancelled": 1, "elapsed_ms": 1}, "no good `done`"),
        ("batch_done_fraction", {"ev": "batch", "batch": "b", "jobs": 1, "done": 0.5, "failed": 0,
                                 "cancelled": 0, "elapsed_ms": 1}, "no good `done`"),
        ("batch_done_too_many", {"ev": "batch", "batch": "b", "jobs": 1, "done": 2**32, "failed": 0,
                                 "cancelled": 0, "elapsed_ms": 1}, "no good `done`"),
        ("gap_negative", {"ev": "gap", "missed": -1}, ""),
        ("bye_too_long", {"ev": "bye", "reason": "r", "reconnect_in_ms": 2**32, "close": 1001}, ""),
        ("bye_close_too_large", {"ev": "bye", "reason": "r", "reconnect_in_ms": 1, "close": 2**16}, ""),
    ]:
        yield refused(name, "json", text(to_json(event)), says)
        yield refused(name, "msgpack", raw(pack(event)), says)
    for name, message in [("empty", ""), ("truncated", to_json(accepted)[:-1]),
                          ("trailing", to_json(accepted) + "1"), ("number", "1"),
                          ("array", f"[{to_json(accepted)}]"),
                          ("twice_the_same_key", '{"ev":"gap","missed":1,"missed":2}')]:
        yield refused(name, "json", text(message), "not an event in JSON")
    yield refused("not_utf8", "json", raw(b'{"ev":"\xff"}'), "not an event in JSON")
    for name, message in [("empty", b""), ("truncated", pack(accepted)[:-1]),
                          ("trailing", pack(accepted) + b"\xc0"), ("number", b"\x01"),
                          ("array", pack([accepted])), ("key_not_text", b"\x81\x01\x01"),
                          ("announced_huge", b"\xdf\xff\xff\xff\xff"),
                          ("result_announced_huge",
                           msgpack_event(done, "result", b"\xc6" + struct.pack(">I", 2**32 - 1)))]:
        yield refused(name, "msgpack", raw(message), "not an event in MessagePack")
    yield refused("unclosed_arrays", "msgpack",
                  times((raw(b"\x81\xa6result"), 1), (raw(b"\x91"), 100_000)), "128 levels")


def cases():
    return [*plain(), *carried(), *read_only(), *hostile()]
