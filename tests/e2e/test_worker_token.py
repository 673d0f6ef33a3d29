"""Workers prove that they know the worker token, or get no job."""

import hashlib
import hmac
import re
import sys
from pathlib import Path

import msgpack
import pytest

from harness import Client, Process, Worker, acequia, acequia_worker, run_acequia

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
REFUSED = "acequia_workers_refused_total"


def auth(worker, nonce, token=TOKEN, lane=None):
    return hmac.digest(token.encode(), nonce + (lane or worker.lane), hashlib.sha256)


def come_in(worker, token=TOKEN, **offer):
    """Proves that the worker knows a token."""
    nonce = worker.hello().head["nonce"]
    worker.send("ready", worker.lane, {"auth": auth(worker, nonce, token), **offer})


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def server(new_server, token_file):
    return new_server("--worker-token-file", token_file)


@pytest.fixture
def stranger(server, make):
    """A worker that has not said who it is."""
    return make(Worker(server, ready=False))


@pytest.fixture
def member(server, make):
    """A worker that has proven itself."""
    worker = make(Worker(server, ready=False))
    come_in(worker)
    server.wait_workers(1)
    return worker


def turned_away(server, stranger, reason, times=1):
    """It is counted, and begins anew: stock libzmq dials again and is greeted."""
    before = stranger.lane
    server.wait_metric(REFUSED, times, reason=reason)
    stranger.hello()
    assert stranger.lane != before
    server.process.line(lambda line: "turned away" in line and reason in line, of="stderr")


def test_who_knows_the_token_works(server, client, member):
    id = client.submit("text")
    member.done(member.job(), b'"done"')
    assert client.result(id) == "done"
    assert server.total(REFUSED) == 0


def test_a_proof_that_is_packed_as_text(server, client, make):
    """Some packers know no `bin`: the bytes come as a `str` that is not UTF-8."""
    worker = make(Worker(server, ready=False))
    nonce = worker.hello().head["nonce"]
    proof = auth(worker, nonce)
    worker.results.send_multipart([b"ready", worker.lane, b"\x81\xa4auth\xd9\x20" + proof])
    server.wait_workers(1)
    id = client.submit("text")
    worker.done(worker.job(), b'"done"')
    assert client.result(id) == "done"


def test_no_proof(server, client, stranger, member):
    stranger.send("ready", stranger.hello().id, {"slots": 100})
    turned_away(server, stranger, "no_auth")
    others_go_on(server, client, member)


def test_the_proof_of_another_token(server, client, stranger, member):
    come_in(stranger, OTHER)
    turned_away(server, stranger, "wrong_auth")
    others_go_on(server, client, member)


def test_the_proof_of_another_lane(server, client, stranger, member, make):
    """Whoever overhears a proof cannot use it."""
    overheard = make(Worker(server, ready=False))
    nonce = overheard.hello().head["nonce"]
    proof = auth(overheard, nonce)
    stranger.hello()
    stranger.send("ready", stranger.lane, {"auth": proof})
    turned_away(server, stranger, "wrong_auth")
    # Nor with the lane's own name and the nonce of the other.
    stranger.send("ready", stranger.lane, {"auth": auth(stranger, nonce)})
    turned_away(server, stranger, "wrong_auth", 2)
    # The other's own is as good as ever.
    overheard.send("ready", overheard.lane, {"auth": proof, "queues": ["none"]})
    server.wait_workers(2)
    others_go_on(server, client, member)


@pytest.mark.parametrize("proof", [b"", bytes(31), bytes(33), 7])
def test_what_is_no_proof_at_all(server, client, stranger, member, proof):
    stranger.send("ready", stranger.hello().id, {"auth": proof})
    server.wait_metric("acequia_gate_connections_refused_total", 1,
                       port="results", reason="malformed_message")
    others_go_on(server, client, member)


def others_go_on(server, client, member):
    """The job goes to the worker that proved itself, and the stranger gets none."""
    for n in range(3):
        id = client.submit(n)
        member.done(member.job(), b"1")
        assert client.result(id) == 1
    assert server.metric("acequia_jobs_redelivered_total", queue="default") == 0


def test_a_stranger_gets_no_job_and_is_not_heard(server, client, stranger):
    """Not before its `ready`, not with it."""
    stranger.hello()
    id = client.submit("secret")
    job = client.heard("accepted", id=id)["job"]
    for kind in ("done", "fail", "progress", "chunk"):
        stranger.send(kind, bytes.fromhex(job.replace("-", "")), None, b'"stolen"')
    stranger.send("publish", stranger.lane, {"topic": "news"})
    server.wait_metric("acequia_worker_messages_dropped_total", 5, reason="not_ready")
    stranger.send("ready", stranger.lane)
    turned_away(server, stranger, "no_auth")
    assert not stranger.at_hand()
    assert client.names(id) == ["accepted"]


def test_a_proof_and_then_large_frames(server, stranger):
    """Before a proof frames are small, and after it they may be large."""
    stranger.hello()
    stranger.send("ready", stranger.lane, {"auth": bytes(32)}, bytes(100_000))
    server.wait_metric("acequia_gate_connections_refused_total", 1,
                       port="results", reason="frame_too_large")
    assert server.total(REFUSED) == 0


def test_a_worker_that_works_and_then_says_something_else(server, client, member):
    """A lane that was proven stays so; a second `ready` on it is dropped, whatever its proof."""
    member.send("ready", member.lane, {"auth": bytes(32)})
    server.wait_metric("acequia_worker_messages_dropped_total", 1, reason="ready_twice")
    others_go_on(server, client, member)


def test_the_token_is_in_no_log(server, stranger, member):
    come_in(stranger, OTHER)
    turned_away(server, stranger, "wrong_auth")
    log = server.process.log()
    assert "token" in log and TOKEN not in log and OTHER not in log
    assert member.lane.hex() not in log


def test_the_command(server, client, token_file, tmp_path):
    acequia_worker(server, "--token-file", token_file, "--", "tr", "a-z", "A-Z")
    assert client.result(client.submit("text")) == "TEXT"
    # By the environment too, as every flag.
    acequia_worker(server, "--queue", "more", "--", "cat", env={"ACEQUIA_WORKER_TOKEN_FILE": str(token_file)})


def test_the_command_without_the_token(server, client, tmp_path):
    """It goes on trying, and says what may be wrong."""
    other = tmp_path / "other"
    other.write_text(OTHER)
    for flags, reason in (([], "no_auth"), (["--token-file", other], "wrong_auth")):
        worker = Process([acequia(), "worker", "--jobs", server.jobs, "--results", server.results,
                          *flags, "--", "cat"], name="worker")
        server.wait_metric(REFUSED, 1, reason=reason)
        worker.line(lambda line: "worker token" in line, of="stderr")
        assert OTHER not in worker.log()
        worker.kill()
    assert server.metric("acequia_workers") == 0


def test_a_token_that_nobody_asks_for(new_server, make, token_file):
    server = new_server()
    acequia_worker(server, "--token-file", token_file, "--", "cat")
    client = make(Client(server))
    assert client.result(client.submit("text")) == "text"


def test_the_python_of_the_protocol(server, client, tmp_path, token_file):
    """The sample with a token in docs/worker-protocol.md is a worker."""
    document = (ROOT / "docs/worker-protocol.md").read_text()
    samples = [text for text in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "hmac" in text]
    assert len(samples) == 1
    text = samples[0]
    for default, port in ((5557, server.jobs), (5558, server.results)):
        assert f"tcp://127.0.0.1:{default}" in text
        text = text.replace(f"tcp://127.0.0.1:{default}", port)
    (tmp_path / "worker.py").write_text(text)
    (tmp_path / "worker-token").write_bytes(token_file.read_bytes())
    Process([sys.executable, "worker.py"], name="sample", cwd=tmp_path)
    assert client.result(client.submit("fair shares")) == "FAIR SHARES"


FREE = ["--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0",
        "--journal", "none"]


@pytest.mark.parametrize("content, why", [
    (None, "No such file"), ("", "0 bytes"), ("\n\n", "0 bytes"), ("hunter2\n", "7 bytes"),
    ("x" * 31, "31 bytes"), ("x" * 5000, "4096"), ("x" * 100_000, "4096"),
])
@pytest.mark.parametrize("command", [
    ["serve", *FREE, "--worker-token-file"], ["worker", "--token-file"],
])
def test_files_that_hold_no_token(tmp_path, command, content, why):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    code, out, said = run_acequia(*command, file, *(["--", "cat"] if command[0] == "worker" else []))
    assert code == 1 and not out
    assert str(file) in said and why in said and command[-1] in said
    assert "hunter2" not in said and "xxx" not in said


@pytest.mark.parametrize("flag", ["--jobs", "--results"])
def test_with_a_token_any_address_will_do(new_server, token_file, flag):
    server = new_server("--worker-token-file", token_file, **{flag[2:]: "tcp://0.0.0.0:0"})
    assert "0.0.0.0" in getattr(server, flag[2:])
    flags = list(FREE)
    flags[flags.index(flag) + 1] = "tcp://0.0.0.0:0"
    _, _, said = run_acequia("serve", *flags)
    assert "--worker-token-file" in said and "--allow-open-workers" in said
