"""The package as it is published: built, installed where nothing else is, and used as its README says."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from harness import Process
from harness.documents import on_ports_of, sample
from harness.server import clean_env

PACKAGE = Path(__file__).parents[1]
README = "clients/python/README.md"


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, PACKAGE)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of a virtual environment that has the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[async,live]")
    return python


def test_what_is_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name == "acequia-0.1.0-py3-none-any.whl"
    assert "acequia/py.typed" in names
    inside = {name.split("/")[0] for name in names}
    assert inside == {"acequia", "acequia-0.1.0.dist-info"}
    metadata = zipfile.ZipFile(wheel).read("acequia-0.1.0.dist-info/METADATA").decode()
    assert "Requires-Python: >=3.9" in metadata and "License-Expression: MIT OR Apache-2.0" in metadata


@pytest.fixture
def reader(installed, server, tmp_path):
    """Somebody who does what the README says, in a folder of their own."""
    env = clean_env({
        "ACEQUIA_JOBS": server.jobs, "ACEQUIA_RESULTS": server.results, "ACEQUIA_SERVER": f"http://{server.http}",
    })

    def start(name, *command):
        (tmp_path / name).write_text(on_ports_of(server, sample(README, name)))
        command = command or (installed, name)
        return Process(command, name=name, cwd=tmp_path, env=env)

    return start


@pytest.mark.parametrize("command", [False, True], ids=["python", "acequia-worker"])
def test_the_first_ten_lines(reader, installed, command):
    reader("worker.py", *([installed.with_name("acequia-worker"), "worker"] if command else []))
    submit = reader("submit.py")
    assert submit.wait() == 0 and submit.stdout == ["HELLO"], submit.log()


def test_a_client_and_a_live_one(reader, client):
    reader("worker.py")
    client.send({"op": "subscribe", "topic": "news"})
    client.barrier()
    program = reader("client.py")
    assert program.wait() == 0 and program.stdout == ["HELLO"], program.log()
    assert client.heard("message")["data"] == {"text": "back in five minutes"}
    live = reader("live.py")
    assert live.wait() == 0, live.log()
    assert [said for said in live.stdout if said != "accepted"] == ["started", "done", "HELLO"]


def test_three_kinds_of_handlers(reader, client):
    worker = reader("kinds.py")
    failed = client.outcome(client.submit("text", queue="thumbnail"))
    assert (failed["code"], failed["message"]) == ("no_image", "not a PNG"), worker.log()
    assert client.result(client.submit("here", queue="fetch")) == "what is at here"
    id = client.submit(20, queue="primes")
    assert client.result(id) == [2, 3, 5, 7, 11, 13, 17, 19]
    assert client.names(id).count("progress") == 8


def test_without_the_extras(wheel, tmp_path):
    """A worker and a client need neither; who asks for what does is told what to install."""
    program = (
        "import sys; sys.modules['httpx'] = sys.modules['websockets'] = None\n"
        "import acequia; acequia.Worker, acequia.Client\n"
        "for use in ('acequia.AsyncClient', '__import__(\"acequia.live\")'):\n"
        "    try: eval(use)\n"
        "    except ImportError as error: print(error)\n"
    )
    said = run(sys.executable, "-c", program, env={**os.environ})
    assert said.splitlines() == [
        "acequia.AsyncClient needs httpx: pip install 'acequia[async]'",
        "acequia.live needs websockets: pip install 'acequia[live]'",
    ]
