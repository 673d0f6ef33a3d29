"""Whatever a handler throws or returns, its job has an outcome that says so, and the worker goes on."""

import json

import pytest

from harness.api import Api
from lasting import lasting, server, shown, worker  # noqa: F401 pytest finds them here
from sdks import RESULT_BYTES

TEXT_BYTES_MAX = 4096
OWN = "worker_error"  # of what a handler throws without a code of its own


@pytest.fixture(autouse=True)
def goes_on(server, worker):
    """After each test, the same worker on the same lane has all of its slots."""
    yield
    api = Api(server)
    held = [api.submit("60000", queue="sleep").json["job"] for _ in range(3)]
    assert api.submit('"well"', queue="echo", Prefer="wait=30").body == b'"well"'
    for job in held:
        api.call("DELETE", f"/v1/jobs/{job}")
    assert server.total("acequia_gate_connections_closed_total") == 0


def failed(client, payload, queue, **fields):
    outcome = client.outcome(client.submit(payload, queue=queue, **fields))
    assert outcome["ev"] == "failed", outcome
    return outcome


def test_an_ordinary_exception(client):
    outcome = failed(client, "error", "throw")
    assert outcome["code"] == OWN and "boom" in outcome["message"]


def test_one_that_may_be_tried_again_is(client):
    id = client.submit("error", queue="throw", attempts=2)
    assert client.outcome(id)["attempt"] == 2
    assert client.heard("retrying", id=id)["code"] == OWN


def test_a_message_that_is_not_utf8(client):
    """It is mended, and nothing else of it is changed."""
    outcome = failed(client, "bytes", "throw")
    assert outcome["code"] == OWN and "caf" in outcome["message"]
    outcome["message"].encode()


def test_a_message_that_is_too_long(client, server):
    message = failed(client, "long", "throw")["message"]
    # Full, so that as much is told as can be; by the worker, which says no more than the server takes.
    assert len(message.encode()) == TEXT_BYTES_MAX and message.endswith("xxx")


def test_what_is_no_ordinary_exception(client):
    for _ in range(5):
        outcome = failed(client, "other", "throw")
        # Some have a code of their own for it.
        assert outcome["code"].startswith("worker_") and outcome["code"] != "worker_lost"


def test_a_failure_of_its_own(client):
    """With its code, its message, and no other attempt."""
    outcome = failed(client, "fail", "throw", attempts=5)
    assert (outcome["code"], outcome["message"], outcome["attempt"]) == ("no_image", "not a picture", 1)


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"nonsense"])
@pytest.mark.parametrize("queue", ["upper", "progress"])
def test_a_payload_that_is_not_json(server, queue, body):
    """A handler that wants JSON says what is wrong; to try again would be of no use."""
    # Of another type, or the server itself would refuse it.
    problem = refused(server, body, queue, type="application/octet-stream", attempts=3)
    assert (problem["code"], problem["attempt"]) == ("bad_input", 1)
    assert "JSON" in problem["detail"] and problem["detail"].isprintable()


def refused(server, body, queue, type="application/json", attempts=1):
    done = Api(server).submit(body, queue=queue, query=f"?attempts={attempts}", type=type, Prefer="wait=30")
    assert done.status == 422, done
    return done.json


def test_json_of_another_kind(client):
    for payload in (5, None, [], {"a": 1}):
        failed(client, payload, "upper")


def test_a_lone_surrogate(server):
    """Text that has no UTF-8: whatever becomes of the job, it has an outcome."""
    done = Api(server).submit(rb'"caf\ud83d"', queue="upper", Prefer="wait=30")
    if done.status == 200:
        assert json.loads(done.body) == "CAF\ud83d"
    else:
        assert (done.status, done.json["code"]) in [(422, "bad_input"), (422, "bad_result"), (422, OWN)]


def test_a_result_that_is_too_large(server):
    """The worker says so, with the limit, and does not even send it."""
    received = server.metric("acequia_gate_received_bytes_total", port="results")
    problem = refused(server, str(RESULT_BYTES + 1), "bytes", attempts=3)
    assert (problem["code"], problem["attempt"]) == ("bad_result", 1)
    assert str(RESULT_BYTES) in problem["detail"].replace(",", "").replace("_", "")
    assert server.metric("acequia_gate_received_bytes_total", port="results") - received < RESULT_BYTES


def test_a_result_as_large_as_may_be(server):
    done = Api(server).submit(str(RESULT_BYTES), queue="bytes", Prefer="wait=30")
    assert len(done.body) == RESULT_BYTES


def test_a_topic_that_cannot_be(client):
    for topic in ("", "t" * 129, "é" * 65):
        failed(client, {"topic": topic, "data": 1}, "publish")
