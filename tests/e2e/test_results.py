"""What a result is in each encoding, by its content type; and messages on topics."""

import base64

import msgpack
import pytest

DEEP = b"[" * 128 + b"]" * 128
TOO_DEEP = b"[" * 129 + b"]" * 129


def base64_of(octets):
    return {"$base64": base64.b64encode(octets).decode()}


# A body and its type; what a JSON client sees of it, and a MessagePack client.
RESULTS = {
    "json object": (b'{"a": [1, null, 2.5]}', "application/json", *[{"a": [1, None, 2.5]}] * 2),
    "json text": (b'"caf\xc3\xa9 \\u0000"', "application/json", *["café \x00"] * 2),
    "json null": (b"null", "application/json", None, None),
    "json with space": (b" [1]\n", "application/json", [1], [1]),
    "json of large numbers": (b"18446744073709551615", "application/json", *[2**64 - 1] * 2),
    "text": ("Wasser für „alle“\n".encode(), "text/plain", *["Wasser für „alle“\n"] * 2),
    "empty text": (b"", "text/plain", "", ""),
    "text of another kind": (b"<p>\x00</p>", "text/html", *["<p>\x00</p>"] * 2),
    "text that is none": (b"\xff\xfe", "text/plain", base64_of(b"\xff\xfe"), b"\xff\xfe"),
    "octets": (b"\x00\xffdrop", "application/octet-stream", base64_of(b"\x00\xffdrop"), b"\x00\xffdrop"),
    "no octets": (b"", "application/octet-stream", base64_of(b""), b""),
    "msgpack": (msgpack.packb({"a": b"\x01"}), "application/msgpack",
                base64_of(msgpack.packb({"a": b"\x01"})), {"a": b"\x01"}),
    "a picture": (b"\xff\xd8jpeg", "image/jpeg", base64_of(b"\xff\xd8jpeg"), b"\xff\xd8jpeg"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results(new_client, new_worker, encoding, name):
    body, media_type, as_json, as_msgpack = RESULTS[name]
    client, worker = new_client(encoding), new_worker()
    id = client.submit("text")
    job = worker.job()
    worker.chunk(job, body, media_type)
    worker.done(job, body, media_type)
    seen = as_json if encoding == "json" else as_msgpack
    assert client.result(id) == seen
    assert client.heard("chunk", id=id)["data"] == seen


@pytest.mark.parametrize("octets", [b"", b"\x00\xff", b'{"json": 1}', bytes(range(256)) * 4096])
def test_bytes_there_and_back(new_client, new_serving, octets):
    types = []
    new_serving(lambda job: types.append(job.head["type"]) or job.body)
    client = new_client("msgpack")
    assert client.result(client.submit(octets)) == octets
    assert types == ["application/octet-stream"]


@pytest.mark.parametrize("value", [None, True, 0, -1, 1.5, "", "ü\x00", [], {}, [[[]]], {"a": {"b": 1}}])
def test_values_there_and_back(new_client, new_serving, encoding, value):
    new_serving()
    client = new_client(encoding)
    assert client.result(client.submit(value)) == value


def test_a_result_of_the_largest_size(new_client, new_serving, encoding):
    text = b"d" * (8 << 20)
    new_serving(lambda job: text if job.head["type"].endswith("octet-stream") else b'"%s"' % text[2:])
    client = new_client(encoding)
    large = client.result(client.submit("text" if encoding == "json" else b"bytes"))
    assert len(large) == 8 << 20 if encoding == "msgpack" else (8 << 20) - 2


BAD_RESULTS = {
    "no json": (b"{", "application/json"),
    "json and more": (b"1 2", "application/json"),
    "empty json": (b"", "application/json"),
    "json that is not utf-8": (b'"\xff"', "application/json"),
    "json that is too deep": (TOO_DEEP, "application/json"),
    "no msgpack": (b"\xc1", "application/msgpack"),
    "msgpack cut off": (b"\x92\x01", "application/msgpack"),
    "msgpack and more": (b"\x01\x02", "application/msgpack"),
    "msgpack that is too deep": (b"\x91" * 129 + b"\x01", "application/msgpack"),
    "too large": (b"x" * ((8 << 20) + 1), "application/octet-stream"),
}


@pytest.mark.parametrize("name", BAD_RESULTS)
def test_bad_results(client, new_worker, name):
    body, media_type = BAD_RESULTS[name]
    worker = new_worker()
    id = client.submit("text", attempts=3)
    worker.done(worker.job(), body, media_type)
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"], outcome["attempt"]) == ("failed", "bad_result", 1)
    assert outcome["message"]
    # The worker and its lane are fine.
    good = client.submit("text")
    worker.done(worker.job(), DEEP, "application/json")
    client.result(good)


def test_a_bad_chunk_ends_the_job(client, new_worker):
    worker = new_worker()
    id = client.submit("text")
    job = worker.job()
    worker.chunk(job, b"{", "application/json")
    assert client.outcome(id)["code"] == "bad_result"
    assert worker.expect("cancel").id == job.id


def test_topics(server, new_client, new_worker, encoding):
    news, gossip, both, neither = (new_client(encoding) for _ in range(4))
    for client, topics in ((news, ["news"]), (gossip, ["gossip"]), (both, ["news", "gossip"])):
        client.send([{"op": "subscribe", "topic": topic} for topic in topics])
        client.barrier()
    worker = new_worker()
    worker.publish("news", b'{"n": 1}')
    worker.publish("gossip", b"psst", "text/plain")
    worker.publish("nobody's", b"1")
    worker.publish("news", b"\x00", "application/octet-stream")
    octets = b"\x00" if encoding == "msgpack" else base64_of(b"\x00")
    assert both.heard("message", nth=3)["data"] == octets
    news.heard("message", nth=2)
    gossip.heard("message")
    said = [[(e["topic"], e["data"]) for e in c.events if e["ev"] == "message"] for c in (news, gossip, both)]
    first, second, third = ("news", {"n": 1}), ("gossip", "psst"), ("news", octets)
    assert said == [[first, third], [second], [first, second, third]]

    both.send({"op": "unsubscribe", "topic": "news"})
    both.barrier()
    worker.publish("news", b"2")
    worker.publish("gossip", b"3")
    news.heard("message", data=2)
    both.heard("message", data=3)
    assert 2 not in [e.get("data") for e in both.events]
    assert [e["ev"] for e in neither.events] == []
    assert server.metric("acequia_worker_messages_dropped_total", reason="bad_publish") == 0


def test_a_bad_publish_reaches_nobody(server, client, new_worker):
    client.send({"op": "subscribe", "topic": "news"})
    client.barrier()
    worker = new_worker()
    worker.publish("news", b"{")
    worker.publish("news", b"1")
    assert client.heard("message")["data"] == 1
    assert server.metric("acequia_worker_messages_dropped_total", reason="bad_publish") == 1


def test_topics_are_bounded(client):
    client.send([{"op": "subscribe", "topic": f"t{n}"} for n in range(65)])
    assert client.heard("error")["code"] == "too_large"
