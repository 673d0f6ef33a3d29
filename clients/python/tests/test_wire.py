"""The worker protocol, by the golden vectors."""

import pytest

from acequia._worker import auth, wire

from vectors import bytes_of, cases, name_of

CASES = cases("worker-frames.json")


def read(kind, id, head, body):
    """A message of the server as the vectors write it."""
    wire.check_id(id)
    if kind == wire.HELLO:
        hello = wire.read_hello(head)
        return {"kind": "hello", "lane": id.hex(), "v": wire.VERSION, "nonce": hello.nonce.hex(),
                "max_body": hello.max_body, "server": hello.server}
    if kind == wire.JOB:
        job = wire.read_job(head)
        return {"kind": "job", "job": id.hex(), "queue": job.queue, "attempt": job.attempt, "type": job.type,
                "timeout_ms": job.timeout_ms, "meta": [list(pair) for pair in job.meta.items()],
                "body": body}
    if kind == wire.CANCEL:
        return {"kind": "cancel", "job": id.hex()}
    if kind == wire.BYE:
        return {"kind": "bye", "lane": id.hex(), "reason": wire.read_reason(head)}
    raise wire.unknown_kind(kind)


def frames_of(case):
    return [bytes_of(frame) for frame in case["frames"]] * case.get("times", 1)


@pytest.mark.parametrize("case", [c for c in CASES if c["direction"] == "to_worker"], ids=name_of)
def test_what_the_server_sends(case):
    heard = []

    def hear():
        for message in wire.messages(frames_of(case)):
            heard.append(read(*message))

    if "malformed" in case:
        with pytest.raises(wire.Malformed, match=".*".join(case["malformed"].split("`"))):
            hear()
    else:
        hear()
    expected = [
        {**message, "body": bytes_of(message["body"])} if "body" in message else message
        for message in case["messages"]
    ]
    assert heard == expected


def written(message):
    """The frames of a message of a worker."""
    kind, id = message["kind"], bytes.fromhex(message.get("job") or message["lane"])
    body = bytes_of(message["body"]) if "body" in message else b""
    if kind == "ready":
        proof = message["auth"] and bytes.fromhex(message["auth"])
        head = wire.ready(message["slots"], message["pack"], message["queues"], message["name"], proof)
    elif kind == "progress":
        head = wire.progress(message["done"], message["total"], message["note"])
    elif kind in ("chunk", "done"):
        head = wire.of_type(message["type"])
    elif kind == "fail":
        head = wire.fail(message["code"], message["message"], message["retry"])
    elif kind == "publish":
        head = wire.publish(message["topic"], message["type"])
    else:
        head = b""
    return [kind.encode(), id, head, body]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["direction"] == "from_worker" and c.get("canonical")], ids=name_of
)
def test_what_a_worker_sends(case):
    frames = []
    for message in case["messages"]:
        frames += written(message) * message.get("times", 1)
    assert frames == frames_of(case)


@pytest.mark.parametrize("case", [c for c in CASES if "auth_of" in c], ids=name_of)
def test_the_proof_of_the_token(case):
    asked, ready = case["auth_of"], case["messages"][0]
    proof = auth.answer(bytes.fromhex(asked["token"]), bytes.fromhex(asked["nonce"]), bytes.fromhex(ready["lane"]))
    assert proof.hex() == ready["auth"]


def test_numbers_that_are_not_finite_are_left_out():
    assert wire.progress(float("nan"), float("inf"), None) == b""
    assert wire.progress(10**400, 1, None) == wire.progress(None, 1, None)


def test_another_version_is_told_from_what_is_malformed():
    assert wire.is_other_version(b"\x81\xa1v\x02")
    assert not wire.is_other_version(b"\x81\xa1v\x01")
    assert not wire.is_other_version(b"")
