"""What a handler gets, and what it says, arrives as it is."""

import pytest

from harness.api import Api
from lasting import lasting, server, shown, worker  # noqa: F401 pytest finds them here
from sdks import RESULT_BYTES

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TEXTS = ["hello", "", "fair shares of 水 🌊", 'quotes " and \\ and \n lines', "\x00\x1f", "w" * 300_000]


@pytest.fixture
def api(server):
    return Api(server)


def echoed(api, body, type):
    """What comes back of a payload, and of which type it is."""
    done = api.submit(body, queue="echo", type=type, Prefer="wait=30")
    assert done.status == 200, done
    return done.body, done.headers["Content-Type"]


@pytest.mark.parametrize("body, type", [
    (b'{"a": [1, 2.5e3, null, "\\u00e9"],  "b":{}}', "application/json"),
    (bytes(range(256)), "application/octet-stream"),
    (b"\x82\xa1a\x01\xa1b\xc4\x02\x00\xff", "application/msgpack"),
    ("grün".encode(), "text/plain"),
    (b"", "image/png"),
    (bytes(1_000_000), "application/octet-stream"),
])
def test_a_payload_comes_back_byte_for_byte(worker, api, body, type):
    assert echoed(api, body, type) == (body, type)


def test_texts(worker, client):
    ids = [client.submit(text, queue="upper") for text in TEXTS]
    assert [client.result(id) for id in ids] == [text.upper() for text in TEXTS]


def test_bytes(worker, api):
    for n in (1, 0, RESULT_BYTES):
        done = api.submit(str(n), queue="bytes", Prefer="wait=30")
        assert (done.body, done.headers["Content-Type"]) == (b"x" * n, "application/octet-stream")


def test_progress(worker, client):
    id = client.submit(5, queue="progress")
    assert client.result(id) == 5
    told = [(each["done"], each["total"], each["note"]) for each in client.of(id) if each["ev"] == "progress"]
    # It is for people: what was overtaken may be left out, but not turned round.
    assert told and sorted(set(told)) == told
    assert set(told) <= {(i, 5, f"step {i}") for i in range(1, 6)}


def test_chunks(worker, client):
    id = client.submit(50, queue="chunks")
    assert client.result(id) == 50
    told = [(each["n"], each["data"]) for each in client.of(id) if each["ev"] == "chunk"]
    assert told == [(i, i) for i in range(1, 51)]


def test_publish(worker, client):
    data = {"level": [1, None, "grün"]}
    client.send({"op": "subscribe", "topic": "basin"})
    client.barrier()
    assert client.result(client.submit({"topic": "basin", "data": data}, queue="publish")) is None
    assert client.heard("message", topic="basin")["data"] == data


def test_what_a_job_says_of_itself(worker, client):
    id = client.submit({}, queue="meta", timeout_ms=60_000, traceparent=f"00-{TRACE}-{PARENT}-01")
    done = client.outcome(id)
    assert done["result"] == {
        "id": done["job"], "queue": "meta", "attempt": 1, "type": "application/json",
        "timeout_ms": 60_000, "traceparent": done["traceparent"],
    }
    assert done["traceparent"].startswith(f"00-{TRACE}-")


def test_what_a_job_does_not_have(worker, client):
    told = client.result(client.submit({}, queue="meta"))
    assert (told["timeout_ms"], told["traceparent"]) == (None, None)


def test_its_name_is_known(worker, client, sdk):
    id = client.submit("hello", queue="echo")
    client.result(id)
    assert client.heard("started", id=id)["worker"] == sdk.name
