"""`acequia bench` measures a server of its own, and leaves nothing behind."""

import json

from harness import Process, acequia, acequia_worker
from harness.server import clean_env


def bench(*args):
    process = Process([acequia(), "bench", *args], name="bench", env=clean_env())
    assert process.wait(100) == 0, process.log()
    return process


def test_a_short_one():
    out = "\n".join(bench("--seconds", "0.5", "--warmup-s", "0.1", "--json").stdout)
    assert json.loads(out)


def test_for_people():
    assert bench("--seconds", "0.5", "--warmup-s", "0.1", "--encoding", "msgpack").stdout


def test_a_server_that_runs(server):
    acequia_worker(server, "--demo")
    args = ["--server", server.ws, "--server-pid", str(server.process.pid), "--queue", "echo"]
    bench(*args, "--seconds", "0.5", "--warmup-s", "0.1")
    assert server.metric("acequia_jobs_ended_total", queue="echo", outcome="done") > 100
