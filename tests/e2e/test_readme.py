"""The samples of the README do what it says. `browser.js` is run by tests/browser."""

import subprocess
import sys

import pytest

from harness import Client, Process, Server
from harness.documents import block, on_ports_of, with_acequia
from harness.server import ROOT, clean_env

LANGUAGES = {
    "worker.py": "python", "worker.sh": "sh", "worker.rs": "rust", "browser.js": "js", "backend.sh": "sh",
}


def sample(name):
    language, text = block("README.md", "sample", name)
    assert language == LANGUAGES[name]
    return text


@pytest.mark.parametrize("name", LANGUAGES)
def test_it_is_there(name):
    assert sample(name).strip()


def test_worker_py(server, client, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(on_ports_of(server, sample("worker.py")))
    Process([sys.executable, script], name="worker.py")
    assert client.result(client.submit("hello")) == "HELLO"


def test_worker_py_before_and_after_the_server(tmp_path):
    server = Server.on_quiet_ports()
    server.kill()
    script = tmp_path / "worker.py"
    script.write_text(on_ports_of(server, sample("worker.py")))
    Process([sys.executable, script], name="worker.py")
    for _ in range(2):
        server.start_again()
        with Client(server) as client:
            assert client.result(client.submit("hello")) == "HELLO"
        server.check()
        server.kill()


def test_worker_sh(server, client, tmp_path):
    env = {**with_acequia(tmp_path), "ACEQUIA_JOBS": server.jobs, "ACEQUIA_RESULTS": server.results}
    # `exec`, so that it is the worker that is ended with the test.
    Process(["sh", "-ec", f"exec {sample('worker.sh')}"], name="worker.sh", env=clean_env(env))
    assert client.result(client.submit("fair shares of water", queue="wc")).split() == ["4"]


def test_backend_sh(server, tmp_path):
    """With the worker that is printed for it."""
    script = tmp_path / "worker.py"
    script.write_text(on_ports_of(server, sample("worker.py")))
    Process([sys.executable, script], name="worker.py")
    command = sample("backend.sh")
    assert "http://127.0.0.1:8080/" in command
    command = command.replace("127.0.0.1:8080", server.http)
    done = subprocess.run(["sh", "-ec", command], capture_output=True, timeout=60, check=True)
    assert done.stdout == b'"HELLO"', done.stderr


def test_worker_rs():
    """Built as an example of its crate, and linted with all else."""
    assert sample("worker.rs") == (ROOT / "worker/examples/upper.rs").read_text()
