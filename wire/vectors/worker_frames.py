"""Messages of the worker protocol: the frames of one ZeroMQ message, in both directions."""

import hashlib
import hmac
import struct

from forms import pack, raw, text, times

JSON, MSGPACK, OCTETS = "application/json", "application/msgpack", "application/octet-stream"
LANE = bytes(range(0xA0, 0xB0))
JOB = bytes.fromhex("01890a5dac96774bbcceb302099a8057")
HEAD = 1 << 20
JOB2 = bytes.fromhex("01890a5dac96774bbcceb302099a8058")
NONCE = bytes(range(32))
TOKEN = b"a worker token"
AUTH = hmac.new(TOKEN, NONCE + LANE, hashlib.sha256).digest()
EMPTY = text("")


def frame(value):
    """A frame: text as text, a map as MessagePack, bytes as they are."""
    if isinstance(value, str):
        return text(value)
    return raw(value if isinstance(value, bytes) else pack(value))


def case(name, direction, frames, messages, canonical=False, malformed=None, **more):
    frames = [f if isinstance(f, dict) and ({"hex", "text", "parts"} & f.keys()) else frame(f)
              for f in frames]
    made = {"name": name, "direction": direction, "frames": frames, "messages": messages, **more}
    if canonical:
        made["canonical"] = True
    if malformed is not None:
        made["malformed"] = malformed
    return made


def from_worker(name, frames, *messages, **more):
    return case(name, "from_worker", frames, list(messages), **more)


def to_worker(name, frames, *messages, **more):
    return case(name, "to_worker", frames, list(messages), **more)


def body(value):
    return text(value) if isinstance(value, str) else raw(value)


def ready(slots=1, pack=1, queues=("default",), name=None, auth=None):
    return {"kind": "ready", "lane": LANE.hex(), "slots": slots, "pack": pack,
            "queues": list(queues), "name": name, "auth": auth}


def progress(done=None, total=None, note=None):
    return {"kind": "progress", "job": JOB.hex(), "done": done, "total": total, "note": note}


def result(kind, value="", type=None, job=JOB):
    return {"kind": kind, "job": job.hex(), "type": type, "body": body(value)}


def fail(code=None, message="", retry=True):
    return {"kind": "fail", "job": JOB.hex(), "code": code, "message": message, "retry": retry}


def bad(says, job=JOB, last=True):
    """A message about a job that cannot be understood."""
    return {"bad": {"job": job.hex(), "last": last, "says": says}}


def bad_publish(says):
    return {"bad": {"lane": LANE.hex(), "says": says}}


def of_lane(kind, **fields):
    return {"kind": kind, "lane": LANE.hex(), **fields}


def publish(topic, value="", type=None):
    return of_lane("publish", topic=topic, type=type, body=body(value))


def job(value=b"", queue="default", attempt=1, type=JSON, timeout_ms=None, meta=(), job=JOB):
    return {"kind": "job", "job": job.hex(), "queue": queue, "attempt": attempt, "type": type,
            "timeout_ms": timeout_ms, "meta": [list(pair) for pair in meta], "body": body(value)}


def good_from_worker():
    one = from_worker
    least = {"slots": 1, "pack": 1, "queues": ["default"]}
    yield one("ready_full", ["ready", LANE, {"slots": 16, "pack": 64,
                                             "queues": ["a.b", "images"], "name": "images-3",
                                             "auth": AUTH}, EMPTY],
              ready(16, 64, ["a.b", "images"], "images-3", AUTH.hex()), canonical=True,
              auth_of={"token": TOKEN.hex(), "nonce": NONCE.hex()})
    yield one("ready_as_written", ["ready", LANE, least, EMPTY], ready(), canonical=True)
    yield one("ready_two_frames", ["ready", LANE], ready())
    yield one("ready_empty_head", ["ready", LANE, EMPTY], ready())
    yield one("ready_empty_map", ["ready", LANE, {}, EMPTY], ready())
    yield one("ready_nils", ["ready", LANE, {"slots": None, "pack": None, "name": None}], ready())
    yield one("ready_most", ["ready", LANE, {"slots": 65536, "pack": 1024,
                                             "queues": [f"q{n:02}" for n in range(64)],
                                             "name": "n" * 64}, EMPTY],
              ready(65536, 1024, [f"q{n:02}" for n in range(64)], "n" * 64), canonical=True)
    yield one("ready_queues_sorted_once", ["ready", LANE, {"queues": ["b", "a", "b"]}],
              ready(queues=["a", "b"]))
    yield one("ready_name_empty", ["ready", LANE, {"name": ""}], ready())
    yield one("ready_name_cut", ["ready", LANE, {"name": "n" * 63 + "ü"}], ready(name="n" * 63))
    yield one("ready_unknown_key", ["ready", LANE, {"gpu": {"ram": [1, 2]}, "slots": 2}], ready(2))
    yield one("ready_body_ignored", ["ready", LANE, {}, b"\x00\x01"], ready())
    yield one("progress_full", ["progress", JOB, {"done": 3, "total": 10, "note": "third"}, EMPTY],
              progress(3, 10, "third"), canonical=True)
    yield one("progress_fractions", ["progress", JOB, {"done": 0.25, "total": 1.5}, EMPTY],
              progress(0.25, 1.5), canonical=True)
    yield one("progress_nothing", ["progress", JOB], progress())
    yield one("progress_nils", ["progress", JOB, {"done": None, "total": None, "note": None}],
              progress())
    yield one("progress_whole_floats", ["progress", JOB, {"done": 3.0, "total": 4.0}],
              progress(3, 4))
    yield one("progress_float32", ["progress", JOB, b"\x81\xa4done\xca\x3f\x00\x00\x00"],
              progress(0.5))
    yield one("progress_huge", ["progress", JOB, {"done": 2**64 - 1, "total": -(2**63)}],
              progress(float(2**64 - 1), float(-(2**63))))
    yield one("progress_note_cut", ["progress", JOB, {"note": "n" * 4095 + "ü"}],
              progress(note="n" * 4095))
    for kind in ("chunk", "done"):
        yield one(f"{kind}_full", [kind, JOB, {"type": "text/plain"}, "grüße"],
                  result(kind, "grüße", "text/plain"), canonical=True)
        yield one(f"{kind}_of_the_jobs_type", [kind, JOB, EMPTY, "[1]"], result(kind, "[1]"),
                  canonical=True, of_type=JSON)
        yield one(f"{kind}_two_frames", [kind, JOB], result(kind))
        yield one(f"{kind}_nil_type", [kind, JOB, {"type": None}, "x"], result(kind, "x"))
        yield one(f"{kind}_own_type", [kind, JOB, {"type": "t" * 128}, b"\xff"],
                  result(kind, b"\xff", "t" * 128), canonical=True, of_type=JSON)
    yield one("done_json_declared", ["done", JOB, {"type": JSON}, '{"a":1}'],
              result("done", '{"a":1}', JSON), canonical=True, of_type=OCTETS)
    yield one("done_octets_are_anything", ["done", JOB, EMPTY, b"\xff\xc1"],
              result("done", b"\xff\xc1"), canonical=True, of_type=OCTETS)
    yield one("done_msgpack", ["done", JOB, EMPTY, pack([1, {"a": b""}])],
              result("done", pack([1, {"a": b""}])), canonical=True, of_type=MSGPACK)
    for name, value, of_type, says in [
        ("shouted_json", '{"A":TRUE}', JSON, "declare another type"),
        ("nothing", "", JSON, "not valid JSON"),
        ("two_values", "1 2", JSON, "not valid JSON"),
        ("not_utf8", b'"\xff"', JSON, "not UTF-8 at byte 1"),
        ("msgpack_nothing", b"", MSGPACK, "not valid MessagePack"),
        ("msgpack_trailing", b"\xc0\xc0", MSGPACK, "1 bytes follow the value"),
        ("msgpack_reserved", b"\xc1", MSGPACK, "0xc1"),
        ("msgpack_announced_huge", b"\xdd\xff\xff\xff\xff", MSGPACK, "ends inside a value"),
    ]:
        yield one(f"done_bad_{name}", ["done", JOB, EMPTY, value], result("done", value),
                  canonical=True, of_type=of_type, bad_result=says)
    yield one("done_bad_declared", ["done", JOB, {"type": JSON}, "x"], result("done", "x", JSON),
              canonical=True, of_type=OCTETS, bad_result="not valid JSON")
    for name, of_type, open_, last in [("json", JSON, "[", None), ("msgpack", MSGPACK, b"\x91",
                                                                   b"\xc0")]:
        def nested(levels):
            inner = (text("]"), levels) if last is None else (raw(last), 1)
            return times((body(open_), levels), inner)

        for depth, says in [(128, None), (129, "nested deeper than 128 levels"),
                            (200_000, "nested deeper than 128 levels")]:
            more = {"bad_result": says} if says else {}
            yield one(f"done_{name}_{depth}_levels", ["done", JOB, EMPTY, nested(depth)],
                      {**result("done"), "body": nested(depth)}, canonical=True, of_type=of_type,
                      **more)
    yield one("fail_full", ["fail", JOB, {"code": "no_disk", "message": "disk full",
                                          "retry": False}, EMPTY],
              fail("no_disk", "disk full", False), canonical=True)
    yield one("fail_as_written", ["fail", JOB, {"message": "", "retry": True}, EMPTY], fail(),
              canonical=True)
    yield one("fail_two_frames", ["fail", JOB], fail())
    yield one("fail_code_empty", ["fail", JOB, {"code": ""}], fail())
    yield one("fail_nils", ["fail", JOB, {"code": None, "message": None, "retry": None}], fail())
    yield one("fail_code_cut", ["fail", JOB, {"code": "c" * 65}], fail("c" * 64))
    yield one("fail_message_cut", ["fail", JOB, {"message": "m" * 4095 + "🚰"}],
              fail(message="m" * 4095))
    yield one("fail_code_of_the_server", ["fail", JOB, {"code": "timeout"}], fail("timeout"))
    yield one("beat", ["beat", LANE, EMPTY, EMPTY], of_lane("beat"), canonical=True)
    yield one("beat_two_frames", ["beat", LANE], of_lane("beat"))
    yield one("beat_head_not_looked_at", ["beat", LANE, b"\xc1", "x"], of_lane("beat"))
    yield one("publish_full", ["publish", LANE, {"topic": "news", "type": "text/plain"}, "hi"],
              publish("news", "hi", "text/plain"), canonical=True)
    yield one("publish_json", ["publish", LANE, {"topic": "ü" * 64}, "[]"],
              publish("ü" * 64, "[]"), canonical=True)
    yield one("bye", ["bye", LANE, EMPTY, EMPTY], of_lane("bye"), canonical=True)
    yield one("bye_two_frames", ["bye", LANE], of_lane("bye"))
    yield one("head_in_long_forms",
              ["done", JOB, b"\xdf\x00\x00\x00\x01\xd9\x04type\xdb\x00\x00\x00\x01t", "x"],
              result("done", "x", "t"))
    yield one("head_key_twice_the_last_counts", ["done", JOB, b"\x82\xa4type\xa1a\xa4type\xa1b"],
              result("done", "", "b"))
    yield one("head_largest", ["done", JOB,
                               times((raw(b"\x81\xa1x\xc6" + struct.pack(">I", HEAD - 8)), 1),
                                     (raw(b"\0"), HEAD - 8)), "x"], result("done", "x"))
    yield from liberal()
    yield one("head_unknown_deepest",
              ["done", JOB, times((raw(b"\x81\xa1x"), 1), (raw(b"\x91"), 128), (raw(b"\xc0"), 1))],
              result("done"))


def liberal():
    """What the packers of many languages make of the same things."""
    one = from_worker
    for name, head in [("nil", b"\xc0"), ("array_empty", b"\x90"), ("array16_empty", b"\xdc\0\0")]:
        yield one(f"head_{name}", ["done", JOB, head, "1"], result("done", "1"))
    yield one("head_key_bin", ["done", JOB, b"\x81\xc4\x04type\xa1t"], result("done", "", "t"))
    yield one("head_keys_that_are_no_text", ["done", JOB, b"\x83\x01\x01\xa2\xff\xfe\x01\x91\x01\x02"],
              result("done"))
    yield one("done_type_bin", ["done", JOB, {"type": b"a/b"}], result("done", "", "a/b"))
    for name, head, said in [
        ("code_number", {"code": 500}, fail("500")),
        ("code_float", {"code": 2.0}, fail("2")),
        ("code_boolean", {"code": True}, fail("true")),
        ("code_bin", {"code": b"no_disk"}, fail("no_disk")),
        ("code_zero", {"code": 0}, fail("0")),
        ("message_bin", {"message": b"abc"}, fail(message="abc")),
        ("message_number", {"message": -7}, fail(message="-7")),
        ("message_latin1", b"\x81\xa7message\xa3\xfcbe", fail(message="\ufffdbe")),
        ("message_latin1_bin", {"message": "grün".encode("latin-1")}, fail(message="gr\ufffdn")),
        ("message_cut_in_a_character", b"\x81\xa7message\xa3ab\xc3", fail(message="ab\ufffd")),
        ("message_stack_trace", {"message": "at main\n" * 4096}, fail(message="at main\n" * 512)),
        ("message_of_latin1_long", {"message": b"\xe9" * 40_000}, fail(message="\ufffd" * 1365)),
        ("retry_zero", {"retry": 0}, fail(retry=False)),
        ("retry_one", {"retry": 1}, fail()),
        ("retry_zero_float", {"retry": 0.0}, fail(retry=False)),
        ("retry_text_empty", {"retry": ""}, fail(retry=False)),
        ("retry_text_zero", {"retry": "0"}, fail(retry=False)),
        ("retry_text_false", {"retry": b"False"}, fail(retry=False)),
        ("retry_text_one", {"retry": "1"}, fail()),
    ]:
        yield one(f"fail_{name}", ["fail", JOB, head], said)
    for name, head, said in [
        ("done_nan", {"done": float("nan"), "total": 0}, progress(total=0)),
        ("total_infinite", {"total": float("-inf"), "note": "x"}, progress(note="x")),
        ("digits", {"done": "3", "total": b"4.5"}, progress(3, 4.5)),
        ("note_bin", {"note": b"x"}, progress(note="x")),
        ("note_number", {"note": 3}, progress(note="3")),
        ("note_cut_in_a_character", b"\x81\xa4note\xa2\xe2\x82", progress(note="\ufffd")),
    ]:
        yield one(f"progress_{name}", ["progress", JOB, head], said)
    for name, head, said in [
        ("slots_zero", {"slots": 0}, ready(0)),
        ("slots_zero_and_no_queues", {"slots": 0, "queues": []}, ready(0, queues=[])),
        ("slots_whole_float", {"slots": 4.0}, ready(4)),
        ("slots_digits", {"slots": "4"}, ready(4)),
        ("slots_too_many", {"slots": 65537}, ready(65536)),
        ("slots_beyond_64_bits", {"slots": 2**64 - 1}, ready(65536)),
        ("pack_zero", {"pack": 0}, ready()),
        ("pack_too_many", {"pack": 1025}, ready(pack=1024)),
        ("queues_text", {"queues": "images"}, ready(queues=["images"])),
        ("queues_bin", {"queues": [b"a", "b"]}, ready(queues=["a", "b"])),
        ("queues_nil", {"queues": None}, ready()),
        ("name_number", {"name": 3}, ready(name="3")),
        ("name_latin1", {"name": b"M\xfchle"}, ready(name="M\ufffdhle")),
        ("auth_nil", {"auth": None}, ready()),
        ("auth_as_text", {"auth": "0" * 32}, ready(auth=(b"0" * 32).hex())),
        ("auth_as_text_that_is_none", b"\x81\xa4auth\xd9\x20" + AUTH, ready(auth=AUTH.hex())),
    ]:
        yield one(f"ready_{name}", ["ready", LANE, head], said)
    yield one("publish_topic_bin", ["publish", LANE, {"topic": b"news"}, "1"], publish("news", "1"))


def packed():
    one = from_worker
    yield one("packed_two", ["done", JOB, EMPTY, "1", "progress", JOB2, {"done": 1}, EMPTY],
              result("done", "1"), {**progress(1), "job": JOB2.hex()}, canonical=True)
    yield one("packed_all_kinds",
              ["ready", LANE, EMPTY, EMPTY, "beat", LANE, EMPTY, EMPTY, "chunk", JOB, EMPTY, "1",
               "fail", JOB, EMPTY, EMPTY, "publish", LANE, {"topic": "t"}, "1",
               "bye", LANE, EMPTY, EMPTY],
              ready(), of_lane("beat"), result("chunk", "1"), fail(), publish("t", "1"),
              of_lane("bye"))
    beat = [text("beat"), raw(LANE), EMPTY, EMPTY]
    yield one("packed_most", beat, {**of_lane("beat"), "times": 1024}, canonical=True, times=1024)
    yield one("packed_too_many", beat, malformed="4100 frames", times=1025)
    done = [text("done"), raw(JOB), EMPTY, text("1")]
    yield one("packed_too_many_results", done,
              {**bad("a message of 4100 frames: it is 1 to 4, or a multiple of 4 up to 4096"),
               "times": 1025}, times=1025)
    yield one("packed_with_a_frame_too_few", (done + ["done", JOB2, EMPTY])[:7],
              bad("a message of 7 frames"), bad("a message of 7 frames", JOB2))
    yield one("body_in_two_frames", [*done, "2"], bad("a message of 5 frames"))
    for count in (5, 6, 7, 9):
        yield one(f"packed_{count}_frames", (beat * 3)[:count], malformed=f"{count} frames")
    yield one("packed_good_before_bad",
              ["done", JOB, EMPTY, "1", "done", JOB2, {"type": 1}, "2", "done", JOB, EMPTY, "3"],
              result("done", "1"), bad("`type` must be text in UTF-8", JOB2), result("done", "3"))
    yield one("packed_good_before_malformed",
              ["done", JOB, EMPTY, "1", "done", JOB2[:15], EMPTY, "2"],
              result("done", "1"), malformed="an id of 15 bytes")
    yield one("packed_of_short_messages", ["done", JOB, "done", JOB2],
              bad("the head of the worker's `done` cannot be understood"))
    yield to_worker("packed_jobs",
                    ["job", JOB, job_head(), "1", "job", JOB2, job_head(), "2",
                     "cancel", JOB, {}, EMPTY],
                    job("1"), job("2", job=JOB2), {"kind": "cancel", "job": JOB.hex()},
                    canonical=True)


def malformed_from_worker():
    one = from_worker
    yield one("no_frames", [], malformed="0 frames")
    yield one("one_frame", ["ready"], malformed="an id of 0 bytes")
    def unknown(what):
        return bad(f"a message of the unknown kind {what} about it; known are progress")

    yield one("kind_empty", ["", JOB], unknown("``"))
    yield one("kind_unknown", ["failed", JOB], unknown("`failed`"))
    yield one("kind_with_a_space", ["done ", JOB], unknown("`done `"))
    yield one("kind_of_the_server", ["job", JOB], unknown("`job`"))
    yield one("kind_not_utf8", [b"\xff\xfe", JOB], unknown("of 2 bytes"))
    yield one("kind_long", [times((text("k"), 10_000)), JOB], unknown("of 10000 bytes"))
    yield one("kind_with_escapes", ["\x1b[2J", JOB], unknown("of 4 bytes"))
    for length in (0, 15, 17, 36):
        yield one(f"id_of_{length}_bytes", ["done", bytes(length), EMPTY, "x"],
                  malformed=f"an id of {length} bytes")
    yield one("id_as_text", ["done", "01890a5d-ac96-774b-bcce-b302099a8057"],
              malformed="an id of 36 bytes")
    for name, kind, head, says in [
        ("array", "done", b"\x91\x01", "not a MessagePack map"),
        ("json", "done", "{}", "not a MessagePack map"),
        ("reserved", "done", b"\xc1", "not a MessagePack map"),
        ("truncated", "done", b"\x81\xa4type", "it ends inside a value"),
        ("cut_in_a_key", "done", b"\x81\xa4ty", "it ends inside a value"),
        ("trailing", "done", b"\x80\x00", "1 bytes follow the value"),
        ("announced_huge", "done", b"\xdf\xff\xff\xff\xff", "it ends inside a value"),
        ("unknown_announced_huge", "done", b"\x81\xa1x\xc6\xff\xff\xff\xff",
         "it ends inside a value"),
        ("type_number", "done", {"type": 1}, "`type` must be text in UTF-8"),
        ("type_not_utf8", "done", b"\x81\xa4type\xa2\xff\xfe", "`type` must be text in UTF-8"),
        ("type_too_long", "done", {"type": "t" * 129},
         "`type` must be a media type of at most 128 bytes"),
        ("chunk_type", "chunk", {"type": []}, "the head of the worker's `chunk`"),
        ("done_text", "progress", {"done": "half"}, "`done` must be a number"),
        ("total_array", "progress", {"total": [1]}, "`total` must be a number"),
        ("note_map", "progress", {"note": {}}, "`note` must be a string"),
        ("code_array", "fail", {"code": ["no"]}, "`code` must be a string"),
        ("message_map", "fail", {"message": {}}, "`message` must be a string"),
        ("retry_array", "fail", {"retry": [1]}, "`retry` must be true or false"),
        ("unknown_too_deep", "done", times((raw(b"\x81\xa1x"), 1), (raw(b"\x91"), 129),
                                           (raw(b"\xc0"), 1)), "nested deeper than 128 levels"),
        ("unknown_far_too_deep", "done", times((raw(b"\x81\xa1x"), 1), (raw(b"\x91"), 10_000),
                                               (raw(b"\xc0"), 1)),
         "nested deeper than 128 levels"),
        ("over_a_mebibyte", "fail",
         times((raw(b"\x81\xa1x\xc6" + struct.pack(">I", HEAD - 7)), 1), (raw(b"\0"), HEAD - 7)),
         "1048577 bytes, over the limit of 1048576"),
    ]:
        yield one(f"head_{name}", [kind, JOB, head], bad(says, last=kind in ("done", "fail")))
    for name, head, says in [
        ("topic_missing", {}, "`topic` is missing"),
        ("topic_empty", {"topic": ""}, "`topic` must be 1 to 128 bytes of text"),
        ("topic_too_long", {"topic": "t" * 129}, "`topic` must be 1 to 128 bytes of text"),
        ("topic_nil", {"topic": None}, "`topic` is missing"),
        ("topic_number", {"topic": 1}, "`topic` must be text in UTF-8"),
        ("type_too_long", {"topic": "t", "type": "t" * 129}, "`type` must be a media type"),
    ]:
        yield one(f"publish_{name}", ["publish", LANE, head], bad_publish(says))
    for name, head, says in [
        ("array", b"\x91\x01", "not a MessagePack map"),
        ("slots_negative", {"slots": -1}, "`slots` must be an integer from 0 to 65536"),
        ("slots_fraction", {"slots": 1.5}, "`slots`"),
        ("slots_text", {"slots": "many"}, "`slots`"),
        ("pack_negative", {"pack": -1}, "`pack` must be an integer from 1 to 1024"),
        ("queues_none", {"queues": []}, "`queues` must be an array of 1 to 64"),
        ("queues_too_many", {"queues": ["q"] * 65}, "`queues` must be an array of 1 to"),
        ("queues_map", {"queues": {}}, "`queues` must be an array"),
        ("queues_bad_name", {"queues": ["ok", "not ok"]},
         "`queues` must be a queue name: 1 to 64 bytes of [A-Za-z0-9._-]"),
        ("queues_empty_name", {"queues": [""]}, "`queues`"),
        ("queues_long_name", {"queues": ["q" * 65]}, "`queues`"),
        ("queues_number", {"queues": [1]}, "`queues`"),
        ("name_map", {"name": {}}, "`name` must be a string"),
        ("auth_31_bytes", {"auth": bytes(31)}, "`auth` must be 32 bytes"),
        ("auth_number", {"auth": 1}, "`auth` must be 32 bytes"),
    ]:
        yield one(f"ready_{name}", ["ready", LANE, head], malformed=f"the head of `ready`: {says}")


def job_head(queue="default", attempt=1, type=JSON, timeout_ms=None, meta=()):
    return {"queue": queue, "attempt": attempt, "type": type, "timeout_ms": timeout_ms,
            "meta": dict(meta)}


def from_server():
    one = to_worker
    hello = {"v": 1, "nonce": NONCE, "max_body": 8388608, "server": "acequia/0.1.0"}
    meaning = {"kind": "hello", "lane": LANE.hex(), "v": 1, "nonce": NONCE.hex(),
               "max_body": 8388608, "server": "acequia/0.1.0"}
    yield one("hello", ["hello", LANE, hello, EMPTY], meaning, canonical=True)
    yield one("hello_unknown_key", ["hello", LANE, {**hello, "region": "eu"}, EMPTY], meaning)
    yield one("hello_largest_max_body", ["hello", LANE, {**hello, "max_body": 2**63 - 1}, EMPTY],
              {**meaning, "max_body": 2**63 - 1}, canonical=True)
    for name, head, says in [
        ("v_2", {**hello, "v": 2}, "`v` must be 1"),
        ("without_v", {k: v for k, v in hello.items() if k != "v"}, "`v` must be 1"),
        ("without_nonce", {k: v for k, v in hello.items() if k != "nonce"}, "`nonce` is missing"),
        ("without_max_body", {k: v for k, v in hello.items() if k != "max_body"},
         "`max_body` is missing"),
        ("nonce_16_bytes", {**hello, "nonce": bytes(16)}, "`nonce` must be 32 bytes"),
    ]:
        yield one(f"hello_{name}", ["hello", LANE, head, EMPTY], malformed=says)
    traced = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    yield one("job", ["job", JOB, job_head(), '{"a":1}'], job('{"a":1}'), canonical=True)
    yield one("job_full", ["job", JOB, job_head("images.eu-1_a", 3, "image/png", 30000, traced),
                           b"\x89PNG\x00"],
              job(b"\x89PNG\x00", "images.eu-1_a", 3, "image/png", 30000, traced), canonical=True)
    yield one("job_octets", ["job", JOB, job_head(type=OCTETS), EMPTY], job("", type=OCTETS),
              canonical=True)
    yield one("job_largest_numbers", ["job", JOB, job_head(attempt=2**32 - 1,
                                                           timeout_ms=2592000000), EMPTY],
              job("", attempt=2**32 - 1, timeout_ms=2592000000), canonical=True)
    yield one("job_unknown_key", ["job", JOB, {**job_head(), "shard": [1]}, EMPTY], job(""))
    nils = {"queue": None, "attempt": None, "type": None, "timeout_ms": None}
    yield one("job_nils", ["job", JOB, nils, EMPTY], job("", type=OCTETS))
    yield one("job_empty_head", ["job", JOB, EMPTY, EMPTY], job("", type=OCTETS))
    for name, head, says in [
        ("attempt_zero", job_head(attempt=0), "`attempt` must be a positive integer"),
        ("timeout_too_long", job_head(timeout_ms=2592000001), "`timeout_ms`"),
        ("meta_not_text", {"meta": {"a": 1}}, "expected a string"),
        ("meta_array", {"meta": []}, "expected a map"),
        ("queue_bad", job_head(queue="a/b"), "`queue`"),
    ]:
        yield one(f"job_{name}", ["job", JOB, head, EMPTY], malformed=says)
    yield one("cancel", ["cancel", JOB, {}, EMPTY], {"kind": "cancel", "job": JOB.hex()},
              canonical=True)
    yield one("bye_of_the_server", ["bye", LANE, {"reason": "the server drains"}, EMPTY],
              of_lane("bye", reason="the server drains"), canonical=True)
    yield one("bye_without_reason", ["bye", LANE], of_lane("bye", reason=""))
    yield one("unknown_kind_of_the_server", ["pause", LANE, {}, EMPTY],
              malformed="unknown kind of 5 bytes")
    yield one("short_id_of_the_server", ["job", JOB[:15], {}, EMPTY], malformed="an id of 15")
    yield one("seven_frames_of_the_server", ["cancel", JOB, {}, EMPTY, "cancel", JOB, {}],
              malformed="7 frames")


def cases():
    return [*good_from_worker(), *packed(), *malformed_from_worker(), *from_server()]
