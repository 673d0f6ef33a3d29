"""Clients prove who they are by a JSON Web Token, or do not come in."""

import json
import socket
import time

import pytest
from websockets.exceptions import InvalidStatus

from harness import Client, Serving, eventually, run_acequia
from harness.server import starts_not
from harness.tokens import SECRET, EcKey, EdKey, HmacKey, RsaKey, base64url, token

REFUSED = "acequia_tokens_refused_total"
UNAUTHORIZED = 4401


@pytest.fixture
def secret_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


@pytest.fixture
def server(new_server, secret_file):
    return new_server("--client-auth", "jwt", "--jwt-secret-file", secret_file)


def by_header(server, text, **options):
    return Client(server, headers={"Authorization": f"Bearer {text}"}, **options)


def by_subprotocol(server, text, **options):
    return Client(server, subprotocols=["acequia.v1.json", f"acequia.token.{text}"], **options)


def by_hello(server, text, **options):
    client = Client(server, **options)
    client.send({"op": "hello", "token": text})
    return client


WAYS = {"header": by_header, "subprotocol": by_subprotocol, "hello": by_hello}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def closed(client, code=UNAUTHORIZED):
    eventually(lambda: client.closed is not None, "the connection to be closed")
    assert client.closed == code
    assert not [event for event in client.events if event["ev"] != "error"], client.events


def refused(server, way, text, reason, times=1):
    """The client is told the same, whatever is wrong."""
    if way is by_header:
        with pytest.raises(InvalidStatus) as error:
            way(server, text)
        response = error.value.response
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="acequia", error="invalid_token"'
        assert response.body.startswith(b"unauthorized: this server needs a valid token")
    else:
        with way(server, text) as client:
            closed(client)
            assert client.socket.close_reason == "unauthorized: this server needs a valid token"
    server.wait_metric(REFUSED, times, reason=reason)
    assert server.total(REFUSED) == times
    assert server.metric("acequia_sessions") == 0
    assert not text or text not in server.process.log()
    # Whoever operates it is told, with where it came from.
    server.process.line(lambda line: "WARN" in line and f"reason={reason}" in line and "peer=127.0.0.1" in line,
                        of="stderr")


def test_whoever_has_a_token_comes_in(server, make, way, new_serving):
    new_serving()
    client = make(way(server, token()))
    assert client.result(client.submit("text")) == "text"
    assert client.socket.subprotocol == "acequia.v1.json"
    assert server.total(REFUSED) == 0


def test_in_messagepack(server, make, new_serving):
    new_serving()
    client = make(by_hello(server, token(), encoding="msgpack"))
    assert client.result(client.submit(b"\x00")) == b"\x00"
    offered = [f"acequia.token.{token()}", "acequia.v1.msgpack"]
    client = make(Client(server, "msgpack", subprotocols=offered))
    assert client.socket.subprotocol == "acequia.v1.msgpack"
    assert client.result(client.submit(b"\x01")) == b"\x01"


BAD = {
    "forged": (lambda: token(HmacKey("another secret that is long enough")), "signature"),
    "expired": (lambda: token(life_s=-1), "expired"),
    "not yet": (lambda: token(nbf=time.time() + 600), "not_yet"),
    "for another": (lambda: token(aud="somebody-else"), "audience"),
    "of nobody": (lambda: token(sub=""), "claims"),
    "no subject": (lambda: token(sub=None), "claims"),
    "no end": (lambda: token(exp=None), "claims"),
    "no token at all": (lambda: "gibberish", "malformed"),
    "long": (lambda: token(more="x" * 7000), "malformed"),
    "a claim of ours that is not known": (lambda: token(acequia={"jobs": 1, "all": True}), "malformed"),
    "a queue that is none": (lambda: token(acequia={"queues": ["a b"]}), "claims"),
    "critical": (lambda: token(header={"crit": ["b64"], "b64": False}), "malformed"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens(server, way, name):
    make_token, reason = BAD[name]
    refused(server, way, make_token(), reason)


class Unsigned:
    alg = "none"

    def sign(self, message):
        return b""


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256"])
def test_tokens_that_nobody_signed(server, way, alg):
    # No algorithm of this name is known, so it is no token.
    reason = "signature" if alg == "HS256" else "malformed"
    refused(server, way, token(Unsigned(), header={"alg": alg}), reason)


@pytest.fixture(scope="module")
def keys():
    return {key.alg: key for key in (RsaKey(), EcKey(), EdKey())}


@pytest.mark.parametrize("form", ["pem", "jwks"])
def test_public_keys(new_server, make, tmp_path, keys, form):
    file = tmp_path / "keys"
    if form == "pem":
        file.write_text("".join(key.pem for key in keys.values()))
    else:
        file.write_text(json.dumps({"keys": [key.jwk(kid=alg, use="sig", alg=alg) for alg, key in keys.items()]}))
    server = new_server("--client-auth", "jwt", "--jwt-keys-file", file)
    make(Serving(server))
    for alg, key in keys.items():
        for header in ({}, {"kid": alg}):
            client = make(by_header(server, token(key, header=header)))
            assert client.result(client.submit("text")) == "text"
    assert server.total(REFUSED) == 0
    # Each alone: the very same kinds of keys, and not these.
    for nth, key in enumerate((RsaKey(), EcKey(), EdKey()), 1):
        with pytest.raises(InvalidStatus):
            by_header(server, token(key))
        server.wait_metric(REFUSED, nth, reason="signature")


@pytest.mark.not_at_door("owner and door both say so, and it is counted how often")
def test_one_key_that_is_of_no_use_leaves_the_others(new_server, make, tmp_path, keys):
    """At the start and when the file changes: the others count, and the log names it."""
    good, next_one, weak = keys["ES256"], keys["EdDSA"], RsaKey(1024).jwk(kid="weak")
    file = tmp_path / "keys"

    def put(*those):
        (tmp_path / "new").write_text("\ufeff" + json.dumps({"keys": [*those, {"kid": "no kind"}]}))
        (tmp_path / "new").rename(file)

    put(weak, good.jwk(kid="first"))
    server = new_server("--client-auth", "jwt", "--jwt-keys-file", file)
    warned = lambda nth: server.process.line(
        lambda line: "WARN" in line and '"weak"' in line and "2048" in line, of="stderr", nth=nth)
    warned(1)
    make(by_header(server, token(good, header={"kid": "first"}))).barrier()
    put(weak, next_one.jwk(kid="second"))
    warned(2)
    server.process.line(lambda line: "read again" in line, of="stderr")
    make(by_header(server, token(next_one, header={"kid": "second"}))).barrier()


def test_a_numeric_sub_is_the_client_that_its_digits_are(server, make, new_serving):
    worker = new_serving()
    one, same = make(by_header(server, token(sub=7))), make(by_header(server, token(sub="7")))
    job = one.submit("text", key="k")
    assert one.result(job) == "text"
    again = same.submit("other", key="k")
    assert same.result(again) == "text", "keys are of a client"
    del worker


def test_a_public_key_is_no_secret(new_server, tmp_path, keys):
    """HS256 with the text of the public key, which everybody may know, as the secret."""
    file = tmp_path / "keys.pem"
    pem = keys["RS256"].pem
    file.write_text(pem)
    server = new_server("--client-auth", "jwt", "--jwt-keys-file", file)
    for secret in (pem, pem.strip(), pem.replace("\n", "")):
        with pytest.raises(InvalidStatus):
            by_header(server, token(HmacKey(secret)))
    server.wait_metric(REFUSED, 3, reason="algorithm")
    # And one of an RSA key, that names the algorithm of another.
    with pytest.raises(InvalidStatus):
        by_header(server, token(keys["ES256"], header={"alg": "RS256"}))
    server.wait_metric(REFUSED, 1, reason="signature")


def test_audience_and_issuer(new_server, make, secret_file):
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", secret_file,
                        "--jwt-audience", "acequia", "--jwt-issuer", "https://login.example")
    make(by_header(server, token(aud="acequia", iss="https://login.example"))).barrier()
    make(by_header(server, token(aud=["x", "acequia"], iss="https://login.example"))).barrier()
    for claims, reason in (
        ({"aud": "other", "iss": "https://login.example"}, "audience"),
        ({"iss": "https://login.example"}, "audience"),
        ({"aud": "acequia", "iss": "https://evil.example"}, "issuer"),
        ({"aud": "acequia"}, "issuer"),
    ):
        before = server.metric(REFUSED, reason=reason)
        with pytest.raises(InvalidStatus):
            by_header(server, token(**claims))
        server.wait_metric(REFUSED, before + 1, reason=reason)


@pytest.mark.parametrize("first", [
    {"op": "submit", "id": 1, "payload": 1}, {"op": "hello"}, {"op": "ack", "seq": 1},
    {"op": "subscribe", "topic": "news"}, {"op": "cancel", "id": 1},
    [{"op": "submit", "id": 1, "payload": 1}, {"op": "hello", "token": "…"}], {"op": "what"}, "nonsense",
])
def test_nothing_is_heard_before_the_token(server, make, first):
    client = make(Client(server))
    if isinstance(first, list):
        first[1]["token"] = token()
    client.send(first)
    closed(client)
    server.wait_metric(REFUSED, 1, reason="missing")
    assert server.total("acequia_jobs_submitted_total") == 0


def test_ops_behind_the_token_in_one_message(server, make, new_serving):
    new_serving()
    client = make(Client(server))
    client.send([{"op": "hello", "token": token()}, {"op": "submit", "id": 1, "payload": "text"}])
    assert client.result(1) == "text"
    assert client.events[0]["ev"] == "welcome"


def test_whoever_says_nothing_is_sent_away(server, make):
    client = make(Client(server))
    closed(client)
    server.wait_metric(REFUSED, 1, reason="missing")


def test_a_client_is_who_its_token_says(server, make, new_worker):
    """Two sessions of one subject are one client: its keys reach over both."""
    worker = new_worker(slots=2)
    alice, again, bob = (make(by_header(server, token(sub=sub))) for sub in ("alice", "alice", "bob"))
    id = alice.submit("text", key="order")
    job = worker.job()
    alice.heard("started", id=id)
    other = again.submit("text", key="order")
    again.heard("started", id=other)
    bobs = bob.submit("text", key="order")
    assert worker.job().id != job.id, "bob's key is another"
    worker.done(job, b'"done"')
    assert alice.result(id) == again.result(other) == "done"
    assert bob.names(bobs).count("done") == 0


def test_queues_of_a_token(server, make, new_serving):
    new_serving(queues=["a", "b", "c"])
    client = make(by_header(server, token(acequia={"queues": ["a", "b"]})))
    for queue in ("a", "b"):
        assert client.result(client.submit("text", queue=queue)) == "text"
    for queue in ("c", "default"):
        id = client.submit("text", queue=queue)
        rejected = client.heard("rejected", id=id)
        assert rejected["code"] == "forbidden" and queue in rejected["message"]
    server.wait_metric("acequia_jobs_rejected_total", 2, code="forbidden")
    client = make(by_hello(server, token(acequia={"queues": []})))
    assert client.heard("rejected", id=client.submit("text"))["code"] == "forbidden"


def test_jobs_of_a_token(server, make, way):
    client = make(way(server, token(acequia={"jobs": 2})))
    first = [client.submit("text"), client.submit("text")]
    third = client.submit("text")
    rejected = client.heard("rejected", id=third)
    assert rejected["code"] == "too_many_jobs" and "2" in rejected["message"]
    client.cancel(first[0])
    client.outcome(first[0])
    client.heard("accepted", id=client.submit("text"))
    # The client's other sessions count too, and a token may allow more than another.
    other = make(way(server, token(acequia={"jobs": 2})))
    assert other.heard("rejected", id=other.submit("text"))["code"] == "too_many_jobs"
    more = make(way(server, token()))
    more.heard("accepted", id=more.submit("text"))


def test_ops_of_a_token(server, make, way):
    client = make(way(server, token(acequia={"ops_per_s": 3})))
    client.send([{"op": "submit", "id": n, "payload": n} for n in range(20)])
    rejected = client.heard("rejected", id=19)
    assert rejected["code"] == "rate_limited" and "3 ops" in rejected["message"]
    assert sum(event["ev"] == "rejected" for event in client.events) >= 17
    client = make(way(server, token(sub="bob")))
    client.send([{"op": "submit", "id": n, "payload": n} for n in range(20)])
    client.heard("accepted", id=19)


def test_a_token_runs_out(server, make, way):
    client = make(way(server, token(life_s=1.5)))
    client.heard("accepted", id=client.submit("text"))
    eventually(lambda: client.closed is not None, "the connection to be closed")
    assert client.closed == UNAUTHORIZED
    assert "run out" in client.socket.close_reason


def test_a_new_token_before_the_old_runs_out(server, make, new_serving):
    client = make(by_hello(server, token(life_s=1.5, acequia={"queues": ["a"]})))
    watch = make(by_hello(server, token(life_s=1.5)))
    assert client.heard("rejected", id=client.submit("text"))["code"] == "forbidden"
    client.send({"op": "hello", "token": token()})
    eventually(lambda: sum(e["ev"] == "welcome" for e in client.events) == 2, "a second welcome")
    # It goes on after the time of the first, with what the second allows.
    eventually(lambda: watch.closed == UNAUTHORIZED, "the other to be closed")
    new_serving()
    assert client.result(client.submit("text")) == "text"
    assert client.closed is None


@pytest.mark.parametrize("name, make_token, reason", [
    ("bad", lambda: token(HmacKey("another secret that is long enough")), "signature"),
    ("of another", lambda: token(sub="mallory"), "subject"),
    ("expired", lambda: token(life_s=-1), "expired"),
])
def test_a_new_token_that_is_not_good(server, make, new_serving, name, make_token, reason):
    client = make(by_header(server, token(acequia={"queues": ["a"]})))
    client.send({"op": "hello", "token": make_token()})
    assert client.heard("error")["code"] == "unauthorized"
    server.wait_metric(REFUSED, 1, reason=reason)
    # Nothing has changed.
    new_serving(queues=["a", "default"])
    assert client.result(client.submit("text", queue="a")) == "text"
    assert client.heard("rejected", id=client.submit("text"))["code"] == "forbidden"


def resumable(server, make, text, **hello):
    client = make(Client(server))
    client.send({"op": "hello", "token": text, **hello})
    return client, client.heard("welcome")


def test_only_its_client_resumes_a_session(server, make, new_worker):
    client, welcome = resumable(server, make, token(), resume=True)
    secret, id = welcome["session"], client.submit("text")
    client.heard("accepted", id=id)
    client.socket.close()
    # The secret alone is not enough.
    _, welcome = resumable(server, make, token(sub="mallory"), resume=secret, last=0)
    assert welcome["resumed"] is False and welcome["session"] != secret
    back, welcome = resumable(server, make, token(acequia={"jobs": 1}), resume=secret, last=0)
    assert welcome["resumed"] is True
    # It is limited by the token that it came back with.
    assert back.heard("rejected", id=back.submit("text", id=99))["code"] == "too_many_jobs"
    worker = new_worker()
    worker.done(worker.job(), b'"done"')
    assert back.result(id) == "done"


def test_resumed_after_a_crash(new_server, make, tmp_path, secret_file):
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", secret_file,
                        journal=tmp_path / "journal", quiet_ports=True)
    client, welcome = resumable(server, make, token(), resume=True)
    secret, id = welcome["session"], client.submit("text", key="order")
    client.heard("accepted", id=id)
    server.crash()
    _, welcome = resumable(server, make, token(sub="mallory"), resume=secret, last=0)
    assert welcome["resumed"] is False
    back, welcome = resumable(server, make, token(), resume=secret, last=0)
    assert welcome["resumed"] is True
    # The client is the same as before: its key stands for the job.
    make(Serving(server))
    assert back.result(id) == "text"
    other = make(by_header(server, token()))
    assert other.result(other.submit("another", key="order")) == "text"


def test_resume_with_a_token_in_the_request(server, make):
    client = make(by_header(server, token(acequia={"jobs": 1})))
    client.send({"op": "hello", "resume": True})
    secret = client.heard("welcome")["session"]
    client.heard("accepted", id=client.submit("text"))
    client.socket.close()
    back = make(by_header(server, token(acequia={"jobs": 1})))
    back.send({"op": "hello", "resume": secret, "last": 0})
    assert back.heard("welcome")["resumed"] is True
    assert back.heard("rejected", id=back.submit("text", id=99))["code"] == "too_many_jobs"


def test_keys_are_read_again(new_server, make, tmp_path, keys):
    file = tmp_path / "keys.json"
    old, new = keys["ES256"], EcKey()
    file.write_text(json.dumps({"keys": [old.jwk(kid="old")]}))
    server = new_server("--client-auth", "jwt", "--jwt-keys-file", file)

    def comes_in(key, kid):
        try:
            with by_header(server, token(key, header={"kid": kid})) as client:
                client.barrier()
                return True
        except InvalidStatus:
            return False

    assert comes_in(old, "old") and not comes_in(new, "new")
    # A bad file changes nothing.
    file.write_text("{")
    server.process.line(lambda line: "not read again" in line, of="stderr")
    assert comes_in(old, "old")
    file.write_text(json.dumps({"keys": [new.jwk(kid="new")]}))
    eventually(lambda: comes_in(new, "new"), "the new key")
    assert not comes_in(old, "old")


def test_other_doors_ask_for_no_token(server):
    for path in ("/", "/metrics", "/healthz", "/readyz"):
        assert server.get(path)[0] == 200


def test_many_who_do_not_say_who_they_are(server, make):
    """They cannot take the places of those who do."""
    request = (b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
               b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    strangers = [make(socket.create_connection(server.address("http"))) for _ in range(1100)]
    for stranger in strangers:
        stranger.sendall(request)
    server.wait_metric(REFUSED, 76, reason="crowd")
    make(by_header(server, token())).barrier()
    answers = [stranger.recv(12) for stranger in strangers]
    assert answers.count(b"HTTP/1.1 503") == 76 and answers.count(b"HTTP/1.1 101") == 1024


def test_flags_that_do_not_fit(secret_file, tmp_path):
    said = starts_not("--client-auth", "jwt")
    assert "--jwt-secret-file" in said and "--jwt-keys-file" in said
    assert "--client-auth jwt" in starts_not("--jwt-secret-file", secret_file)
    assert "--client-auth jwt" in starts_not("--jwt-audience", "acequia")
    assert "--jwt-keys-file" in starts_not("--client-auth", "jwt", "--jwt-secret-file", secret_file,
                                           "--jwt-keys-file", secret_file)
    assert "basic" in starts_not("--client-auth", "basic")


@pytest.mark.parametrize("flag, content, why", [
    ("--jwt-secret-file", "hunter2", "7 bytes"), ("--jwt-secret-file", None, "No such file"),
    ("--jwt-keys-file", "hunter2", "neither"), ("--jwt-keys-file", None, "No such file"),
    ("--jwt-keys-file", '{"keys": []}', "no key"),
])
def test_files_that_hold_no_keys(tmp_path, flag, content, why):
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    said = starts_not("--client-auth", "jwt", flag, file)
    assert why in said and str(file) in said and "hunter2" not in said


def test_a_key_that_is_too_short_or_private(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(RsaKey(1024).pem)
    assert "2048" in starts_not("--client-auth", "jwt", "--jwt-keys-file", file)
    file.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "-pubout" in starts_not("--client-auth", "jwt", "--jwt-keys-file", file)


def test_submit_shows_a_token(server, tmp_path, new_serving):
    new_serving()
    file = tmp_path / "token"
    file.write_text(f"{token()}\n")
    flags = ["submit", "--server", server.ws, "--json", "--quiet"]
    assert run_acequia(*flags, "--token-file", file, stdin=b'"text"')[:2] == (0, b'"text"\n')
    assert run_acequia(*flags, stdin=b'"text"', env={"ACEQUIA_TOKEN_FILE": str(file)})[0] == 0
    code, _, said = run_acequia(*flags, stdin=b'"text"')
    assert code != 0 and "unauthorized" in said
    file.write_text(token(life_s=-1))
    code, _, said = run_acequia(*flags, "--token-file", file, stdin=b'"text"')
    assert code != 0 and "401" in said and file.read_text() not in said


@pytest.mark.parametrize("content", [None, "", "two words", "x" * 9000])
def test_submit_with_a_file_that_holds_no_token(server, tmp_path, content):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    code, _, said = run_acequia("submit", "--server", server.ws, "--token-file", file, stdin=b"x")
    assert code != 0 and "--token-file" in said and str(file) in said and "words" not in said
