"""`acequia publish`: a message from a shell to all who subscribed."""

import base64
import signal
import subprocess

import pytest

from harness import Client, Process, acequia, run_acequia
from harness.certificates import Authority
from harness.prefixed import Prefixed
from harness.server import quiet_port
from harness.tls_server import TlsServer
from harness.tokens import SECRET, token

LARGEST = 1 << 20


@pytest.fixture
def publish(server):
    def run(*args, stdin=b""):
        return run_acequia("publish", "--server", f"http://{server.http}", *args, stdin=stdin)

    return run


@pytest.fixture
def subscribed(new_client):
    def subscribe(topic, encoding="json"):
        client = new_client(encoding)
        client.send({"op": "subscribe", "topic": topic})
        client.barrier()
        return client

    return subscribe


def test_a_message_to_all_who_subscribed(publish, subscribed):
    subscribers = [subscribed("news"), subscribed("news", "msgpack")]
    subscribed("other")
    assert publish("news", "back at five") == (0, b"told 2 sessions\n", "")
    for subscriber in subscribers:
        assert subscriber.heard("message")["data"] == "back at five"
    assert publish("nobody", "hello?")[:2] == (0, b"told 0 sessions\n")
    assert publish("other", "1", "--quiet") == (0, b"", "")


@pytest.mark.parametrize("message, data", [
    (b'{"gold": 1934.5}', {"gold": 1934.5}),
    (b"-7", -7),
    (b"true", True),
    (b'"quoted"', "quoted"),
    (b"{", "{"),
    (b"", ""),
    ("grüße\n".encode(), "grüße\n"),
    (b"\xff\x00", {"$base64": base64.b64encode(b"\xff\x00").decode()}),
])
def test_a_message_is_of_the_type_that_it_is(publish, subscribed, message, data):
    subscriber = subscribed("t")
    for nth, args in enumerate(([], ["-"]), 1):
        assert publish("t", *args, stdin=message)[0] == 0
        assert subscriber.heard("message", nth)["data"] == data
    if b"\x00" not in message:
        assert publish("t", message.decode())[0] == 0
        assert subscriber.heard("message", 3)["data"] == data


def test_a_message_is_of_the_type_that_is_said(publish, subscribed):
    subscriber = subscribed("t", "msgpack")
    for nth, (type, message, data) in enumerate([
        ("text/plain", b"1", "1"),
        ("application/octet-stream", b"1", b"1"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
        ("application/msgpack", b"\x93\x01\x02\x03", [1, 2, 3]),
    ], 1):
        code, _, said = publish("t", "--type", type, stdin=message)
        assert code == 0, said
        assert subscriber.heard("message", nth)["data"] == data
    assert publish("t", "--json", "[1]")[0] == 0
    assert subscriber.heard("message", 5)["data"] == [1]


@pytest.mark.parametrize("topic", ["a/b", "a//b/", "/a", "..", "a b?c#d%2fe&f", "grüße", "*", "t" * 128])
def test_any_text_is_a_topic(publish, subscribed, topic):
    subscriber = subscribed(topic)
    assert publish(topic, "x")[:2] == (0, b"told 1 session\n")
    assert subscriber.heard("message")["topic"] == topic


def test_who_subscribes_later_hears_the_last_that_was_retained(publish, subscribed, new_client):
    code, out, said = publish("state", "on", "--retain")
    assert (code, out) == (0, b"told 0 sessions; kept for those who subscribe later\n"), said
    publish("state", "passing")
    assert subscribed("state").heard("message")["data"] == "on"
    code, out, _ = publish("state", "", "--retain")
    assert (code, out) == (0, b"told 1 session; nothing is kept for those who subscribe later\n")
    late = subscribed("state")
    assert not [event for event in late.events if event["ev"] == "message"]


def test_a_token_is_for_topics(new_server, make, tmp_path):
    def file(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    server = new_server("--client-auth", "jwt", "--jwt-secret-file", file("secret", SECRET))
    may = {"acequia": {"publish": ["news/*"], "subscribe": ["*"]}}
    subscriber = make(Client(server, headers={"Authorization": f"Bearer {token(**may)}"}))
    subscriber.send({"op": "subscribe", "topic": "news/today"})
    subscriber.barrier()

    def publish(topic, *args, stdin=b"x"):
        return run_acequia("publish", "--server", server.ws, topic, *args, stdin=stdin)

    shown = ["--token-file", file("token", token(**may))]
    assert publish("news/today", *shown)[:2] == (0, b"told 1 session\n")
    assert subscriber.heard("message")["data"] == "x"
    for topic, claims in [("olds", may), ("news/today", {}), ("news/today", {"acequia": {"publish": []}})]:
        code, out, said = publish(topic, "--token-file", file("other", token(**claims)))
        assert (code, out) == (3, b"") and "403" in said, said
        assert "`acequia.publish`" in said and repr(topic)[1:-1] in said
    for args in ([], ["--token-file", file("old", token(life_s=-600))]):
        for message in (b"x", bytes(8 * LARGEST)):
            code, out, said = publish("news/today", *args, stdin=message)
            assert (code, out) == (3, b"") and "401" in said and "--token-file" in said, said
    code, _, said = publish("news/today", "--token-file", tmp_path / "nowhere")
    assert code == 2 and "nowhere" in said
    assert [event["data"] for event in subscriber.events if event["ev"] == "message"] == ["x"]


def test_by_tls(make, tmp_path):
    authority = Authority()
    for name, pem in zip(("cert", "key"), authority.issue(), strict=True):
        (tmp_path / name).write_bytes(pem)
    (tmp_path / "ca").write_bytes(authority.pem)
    server = TlsServer(authority, "--tls-cert", tmp_path / "cert", "--tls-key", tmp_path / "key")
    url = f"https://{server.http}"
    with server.client() as subscriber:
        subscriber.send([{"op": "subscribe", "topic": "t"}, {"op": "cancel", "id": 1}])
        assert subscriber.wait(lambda events: events, "an answer")[0]["ev"] == "error"
        code, out, said = run_acequia("publish", "--server", url, "--ca-file", tmp_path / "ca", "t", "x")
        assert (code, out) == (0, b"told 1 session\n"), said
        assert subscriber.wait(lambda events: events[1:], "the message")[0]["data"] == "x"
    code, out, said = run_acequia("publish", "--server", url, "t", "x")
    assert (code, out) == (4, b"") and "--ca-file" in said, said
    server.check()


def test_below_a_path(server, subscribed, make):
    subscriber = subscribed("t")
    proxy = make(Prefixed(server.http, "/jobs"))
    for nth, url in enumerate([f"http://{proxy.http}/jobs", f"ws://{proxy.http}/jobs/v1/ws"], 1):
        assert run_acequia("publish", "--server", url, "t", str(nth))[:2] == (0, b"told 1 session\n")
        assert subscriber.heard("message", nth)["data"] == nth
    code, _, said = run_acequia("publish", "--server", f"http://{proxy.http}", "t", "1")
    assert code == 3 and "404" in said and "the path below which" in said, said
    assert proxy.missed == ["/v1/topics/t"]


@pytest.mark.parametrize("args, told", [
    ([], "<TOPIC>"),
    (["", "x"], "0 bytes"),
    (["t" * 129, "x"], "129 bytes"),
    (["t", "{", "--json"], "not one value"),
    (["t", "{", "--type", "application/json"], "--type application/json"),
    (["t", "xx", "--type", "application/msgpack"], "--type application/msgpack"),
    (["t", "x", "--type", "png"], "image/png"),
    (["t", "x", "--type", "a/b\nevil: x"], "image/png"),
    (["t", "x", "--type", "a/" + "b" * 128], "128"),
    (["t", "x", "--type", "a/b", "--json"], "--json"),
    (["t", "x", "y"], "'y'"),
    (["t", "x", "--server", "nonsense"], "nonsense"),
])
def test_wrong_usage(publish, args, told):
    code, out, said = publish(*args) if "nonsense" not in args else run_acequia("publish", *args)
    assert (code, out) == (2, b""), said
    assert told in said


def test_one_that_is_too_large(publish):
    assert publish("t", stdin=bytes(LARGEST))[0] == 0
    for size in (LARGEST + 1, 8 * LARGEST, 64 * LARGEST):
        code, out, said = publish("t", stdin=bytes(size))
        assert (code, out) == (3, b"") and "413" in said and str(LARGEST) in said, said


def test_no_server():
    port = quiet_port()
    code, out, said = run_acequia("publish", "--server", f"http://127.0.0.1:{port}", "t", "x")
    assert (code, out) == (4, b"")
    assert str(port) in said and "acequia serve" in said


def test_told_to_end_before_there_is_a_message(server):
    job = Process([acequia(), "publish", "--server", server.ws, "t"], name="publish",
                  stdin=subprocess.PIPE)
    # One that has not caught it yet ends as well.
    job.signal(signal.SIGTERM)
    assert job.wait() in (143, -signal.SIGTERM)
    job.process.stdin.close()
