"""Messages on topics over HTTP, and who may send and hear them."""

import pytest

from harness import Client
from harness.api import Api
from harness.tokens import SECRET, token


@pytest.fixture
def api(server):
    return Api(server)


def subscribe(client, topic):
    """Subscribes, and waits until that has been taken."""
    client.send([{"op": "subscribe", "topic": topic}, {"op": "cancel", "id": f"after {topic}"}])
    client.heard("error", id=f"after {topic}")


def test_a_message_reaches_all_who_subscribed(api, new_client):
    one, other = new_client("json"), new_client("msgpack")
    for client in (one, other):
        subscribe(client, "user-42/orders")
    answer = api.publish("user-42/orders", '{"order":17}')
    assert (answer.status, answer.json) == (200, {"subscribers": 2})
    for client in (one, other):
        assert client.heard("message", topic="user-42/orders")["data"] == {"order": 17}
    assert api.publish("user-42%2Forders", "1").json == {"subscribers": 2}
    assert api.publish("nobody", "1").json == {"subscribers": 0}


def test_any_bytes_are_a_message(api, new_client):
    client = new_client("msgpack")
    subscribe(client, "t")
    api.publish("t", b"\x00\xff", type="image/png")
    assert client.heard("message")["data"] == b"\x00\xff"
    api.publish("t", "words", type="text/plain")
    assert client.heard("message", nth=2)["data"] == "words"


def test_the_last_message_is_kept_for_those_who_come_later(api, new_client):
    for text in ('"old"', '"new"'):
        api.publish("state", text, query="?retain=true")
    api.publish("state", '"passing"')
    client = new_client()
    client.send({"op": "subscribe", "topic": "state"})
    assert client.heard("message")["data"] == "new"
    subscribe(client, "state")
    assert len([event for event in client.events if event["ev"] == "message"]) == 1, "told once"
    api.publish("state", b"", query="?retain=true")
    late = new_client()
    subscribe(late, "state")
    assert not [event for event in late.events if event["ev"] == "message"]


def test_bad_messages_are_refused_with_a_word(api):
    api.publish("t", "{").refused(400, "bad_request")
    api.publish("t" * 129, "1").refused(400, "bad_request")
    api.publish("t", "1", query="?retain=perhaps").refused(400, "bad_request")
    api.publish("t", b"x" * ((1 << 20) + 1), type="text/plain").refused(413, "too_large")
    assert api.call("POST", "/v1/topics/", "1").status == 404


def test_a_token_says_which_topics_it_is_for(new_server, tmp_path, make):
    (tmp_path / "secret").write_text(SECRET)
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", tmp_path / "secret")
    own = token(acequia={"subscribe": ["user-42/*", "news"], "publish": ["user-42/*"]})
    client = make(Client(server, headers={"Authorization": f"Bearer {own}"}))
    for topic in ("user-42/orders", "news"):
        subscribe(client, topic)
    for topic in ("user-421/orders", "newspaper", "user-42"):
        client.send({"op": "subscribe", "topic": topic})
    errors = [client.heard("error", code="forbidden", nth=nth) for nth in (1, 2, 3)]
    assert all("acequia.subscribe" in error["message"] for error in errors)
    api = Api(server, own)
    assert api.publish("user-42/orders", "1").json == {"subscribers": 1}
    assert "acequia.publish" in api.publish("news", "1").refused(403, "forbidden")["detail"]
    # Whoever's token names none may hear all, as before there were such claims, and say nothing.
    plain = token(sub="bob")
    subscribe(make(Client(server, headers={"Authorization": f"Bearer {plain}"})), "user-42/orders")
    Api(server, plain).publish("user-42/orders", "1").refused(403, "forbidden")
    Api(server).publish("user-42/orders", "1").refused(401, "unauthorized")


def test_publishing_counts_as_an_op(new_server, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", tmp_path / "secret")
    slow = Api(server, token(acequia={"ops_per_s": 1, "publish": ["*"]}))
    answers = [slow.publish("t", "1") for _ in range(20)]
    limited = [answer for answer in answers if answer.status == 429]
    assert limited and limited[0].refused(429, "rate_limited")["retry_after_ms"] == 1000
