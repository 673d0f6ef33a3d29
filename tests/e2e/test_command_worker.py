"""`acequia worker`: any command serves a queue."""

import signal
import sys

import pytest

from harness import Client, Process, Server, acequia, acequia_worker, eventually, run_acequia
from harness.pool import runs

SHELL_TEXTS = ["$(touch x)", "`touch x`", "; touch x", "| touch x", "&& touch x", "\n touch x\n",
               "'; touch x; '", '"; touch x; "', "> x", "-rf", "--help", "${HOME}", "*", "\\", "!!"]


def test_words_are_counted(server, client):
    acequia_worker(server, "--queue", "wc", "--", "wc", "-w")
    assert client.result(client.submit("a b c", queue="wc")).strip() == "3"
    assert client.result(client.submit("", queue="wc")).strip() == "0"


def test_payloads_as_they_are(server, new_client):
    acequia_worker(server, "--", "cat")
    json, msgpack = new_client("json"), new_client("msgpack")
    # A JSON string is its text; all else is the bytes of the payload.
    assert json.result(json.submit('say "ä"\n')) == 'say "ä"\n'
    assert json.result(json.submit({"a": [1]})) == '{"a": [1]}'
    assert msgpack.result(msgpack.submit(b"\x00\xff")) == b"\x00\xff"
    large = "w" * 1_000_000
    assert json.result(json.submit(large)) == large


def test_raw(server, client):
    acequia_worker(server, "--raw", "--", "cat")
    assert client.result(client.submit("text")) == '"text"'


@pytest.mark.parametrize("text", SHELL_TEXTS)
def test_nothing_reaches_a_shell(server, client, tmp_path, text):
    acequia_worker(server, "--", "cat", cwd=tmp_path)
    assert client.result(client.submit(text)) == text
    # Not by way of the environment either: what a client chooses is checked or no part of it.
    client.submit("text", queue="$(touch x)")
    client.barrier()
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_does_not_read(server, client):
    acequia_worker(server, "--", "echo", "done")
    assert client.result(client.submit("x" * 1_000_000)) == "done\n"


def test_what_a_command_knows_of_its_job(server, client):
    acequia_worker(server, "--queue", "env", "--", "env")
    id = client.submit("text", queue="env", timeout_ms=60_000)
    environment = dict(line.split("=", 1) for line in client.result(id).splitlines() if "=" in line)
    assert environment["ACEQUIA_QUEUE"] == "env"
    assert environment["ACEQUIA_ATTEMPT"] == "1"
    assert environment["ACEQUIA_TYPE"] == "application/json"
    assert environment["ACEQUIA_TIMEOUT_MS"] == "60000"
    assert environment["ACEQUIA_JOB"] == client.heard("done", id=id)["job"]
    id = client.submit("text", queue="env")
    assert "ACEQUIA_TIMEOUT_MS" not in client.result(id)


def test_failures(server, client):
    acequia_worker(server, "--", "sh", "-c", "seq 100000 >&2; echo the last line >&2; exit 3")
    outcome = client.outcome(client.submit("text"))
    assert (outcome["ev"], outcome["code"]) == ("failed", "exit_3")
    assert outcome["message"].endswith("the last line") and "99999" in outcome["message"]
    assert len(outcome["message"]) < 5000


def test_another_attempt(server, client):
    acequia_worker(server, "--", "sh", "-c", 'test "$ACEQUIA_ATTEMPT" = 3 && echo third time')
    id = client.submit("text", attempts=3)
    assert client.result(id) == "third time\n"
    assert client.names(id).count("retrying") == 2


def test_killed_by_a_signal(server, client):
    acequia_worker(server, "--", "sh", "-c", "kill -9 $$")
    assert client.outcome(client.submit("text"))["code"] == "signal_9"


CATCHES_TERM = """
import signal, sys, pathlib, time
def end(number, frame):
    pathlib.Path("term").write_text("caught")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
pathlib.Path("began").write_text("began")
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["cancel", "timeout", "worker stops"])
def test_a_command_that_is_no_longer_wanted_gets_sigterm(server, client, tmp_path, how):
    worker = acequia_worker(server, "--grace-s", "0", "--", sys.executable, "-c", CATCHES_TERM, cwd=tmp_path)
    fields = {"timeout_ms": 1500} if how == "timeout" else {}
    id = client.submit("text", **fields)
    eventually((tmp_path / "began").exists, "the command")
    if how == "cancel":
        client.cancel(id)
        assert client.outcome(id)["ev"] == "cancelled"
    elif how == "timeout":
        assert client.outcome(id)["code"] == "timeout"
    else:
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert client.heard("retrying", id=id)["code"] == "worker_lost"
    eventually((tmp_path / "term").exists, "the signal")


def test_no_process_is_left(server, client, tmp_path):
    """Also what the command started itself is ended, with -9 if need be."""
    script = "trap '' TERM; echo $$ > shell; sleep 601 & echo $! > sleep; wait; wait"
    worker = acequia_worker(server, "--", "sh", "-c", script, cwd=tmp_path)
    id = client.submit("text")
    pids = [
        int(eventually(lambda path=tmp_path / name: path.exists() and path.read_text().strip(), name))
        for name in ("shell", "sleep")
    ]
    client.cancel(id)
    client.outcome(id)
    for pid in pids:
        eventually(lambda pid=pid: not runs(pid), f"the end of {pid}")
    assert worker.alive
    id = client.submit("next")
    client.heard("started", id=id)


def test_several_at_a_time(server, client, tmp_path):
    """Four processes wait for each other: they end only if all run at once."""
    script = "touch began.$ACEQUIA_JOB; until [ $(ls | grep -c began) = 4 ]; do sleep 0.01; done; echo met"
    acequia_worker(server, "--slots", "4", "--", "sh", "-c", script, cwd=tmp_path)
    assert [client.result(id) for id in client.submit_many([1, 2, 3, 4])] == ["met\n"] * 4


def test_several_queues(server, client):
    acequia_worker(server, "--queue", "red", "--queue", "blue", "--", "sh", "-c", 'echo "$ACEQUIA_QUEUE"')
    for queue in ("red", "blue"):
        assert client.result(client.submit(1, queue=queue)) == f"{queue}\n"


def test_streams(server, client):
    acequia_worker(server, "--stream", "--", "sh", "-c", "echo one; echo; echo three")
    id = client.submit("text")
    assert client.result(id) == ""
    assert [(e["n"], e["data"]) for e in client.of(id) if e["ev"] == "chunk"] == [
        (1, "one\n"), (2, "\n"), (3, "three\n")
    ]


def test_a_type_of_its_own(server, new_client):
    acequia_worker(server, "--type", "application/json", "--", "echo", '{"a": 1}')
    client = new_client()
    assert client.result(client.submit("text")) == {"a": 1}


def test_an_output_that_is_too_large(server, client):
    acequia_worker(server, "--", "head", "-c", str((8 << 20) + 1), "/dev/zero")
    assert client.outcome(client.submit("text"))["code"] == "bad_result"


def test_a_thousand_jobs(server, client):
    acequia_worker(server, "--slots", "8", "--", "cat")
    ids = client.submit_many([f"drop {n}" for n in range(300)])
    assert [client.result(id) for id in ids] == [f"drop {n}" for n in range(300)]


def test_it_comes_back_to_a_server_that_restarts(make):
    server = Server.on_quiet_ports()
    worker = acequia_worker(server, "--", "cat")
    for _ in range(2):
        server.kill()
        server.start_again()
        with Client(server) as client:
            assert client.result(client.submit("text")) == "text"
    assert worker.alive
    server.check()


def test_it_waits_for_a_server():
    server = Server.on_quiet_ports()
    server.kill()
    urls = ["--jobs", server.jobs, "--results", server.results]
    worker = Process([acequia(), "worker", *urls, "--", "cat"], name="worker")
    server.start_again()
    with Client(server) as client:
        assert client.result(client.submit("text")) == "text"
    assert worker.alive
    server.check()


def test_sigterm_lets_jobs_end(server, client, tmp_path):
    script = "touch began; until [ -e go ]; do sleep 0.01; done; echo ended well"
    worker = acequia_worker(server, "--", "sh", "-c", script, cwd=tmp_path)
    id = client.submit("text")
    eventually((tmp_path / "began").exists, "the command")
    worker.signal(signal.SIGTERM)
    server.wait_metric("acequia_workers", 0)
    after = client.submit("not for this one")
    client.heard("accepted", id=after)
    (tmp_path / "go").touch()
    assert client.result(id) == "ended well\n"
    assert worker.wait() == 0
    assert client.names(after) == ["accepted"]


@pytest.mark.parametrize("args, named", [
    ([], "CMD"),
    (["--", "no-such-program"], "no-such-program"),
    (["--", "/etc/passwd"], "/etc/passwd"),
    (["--queue", "a b", "--", "cat"], "a b"),
    (["--slots", "0", "--", "cat"], "slots"),
    (["--jobs", "nonsense", "--", "cat"], "nonsense"),
    (["--type", "t" * 129, "--", "cat"], "128"),
    (["--demo", "--", "cat"], "--demo"),
    (["--colour", "--", "cat"], "--colour"),
])
def test_wrong_usage(args, named):
    code, out, said = run_acequia("worker", *args)
    assert code != 0 and not out
    assert named in said and "panicked" not in said


def test_the_environment_of_the_worker_is_not_the_jobs(server, client):
    """A worker within a worker's command does not take the outer job for its own."""
    env = {"ACEQUIA_TIMEOUT_MS": "1", "ACEQUIA_JOB": "another", "ACEQUIA_META_X": "outer", "PLAIN": "kept"}
    acequia_worker(server, "--", "env", env=env)
    id = client.submit("text")
    seen = set(client.result(id).splitlines())
    assert "PLAIN=kept" in seen and f"ACEQUIA_JOB={client.heard('done', id=id)['job']}" in seen
    assert not any(line.startswith(("ACEQUIA_TIMEOUT_MS=", "ACEQUIA_META_")) for line in seen)
