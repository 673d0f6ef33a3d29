"""`acequia-worker`, as it is installed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Process, acequia
from harness.server import clean_env

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("acequia-worker")


def test_it_runs_the_worker_of_a_module(server, client):
    process = Process(
        [COMMAND, "conduct:worker", "--jobs", server.jobs, "--results", server.results, "--slots", "2",
         "--queue", "echo,upper", "--queue", "meta", "--name", "anna"],
        name="worker", cwd=HERE, env=clean_env({"ACEQUIA_JOBS": "tcp://127.0.0.1:1", "ACEQUIA_NAME": "bert"}),
    )
    id = client.submit("hello", queue="upper")
    assert client.result(id) == "HELLO"
    assert client.heard("started", id=id)["worker"] == "anna"
    ready = server.process.line(lambda line: "a worker is ready" in line, of="stderr")
    assert "slots=2" in ready and 'queues=["echo", "meta", "upper"]' in ready
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


@pytest.mark.parametrize(("arguments", "says"), [
    ([], "required: MODULE[:WORKER]"),
    (["nowhere"], "there is no module `nowhere` in "),
    (["nowhere.inside:worker"], "there is no module `nowhere.inside`"),
    (["conduct.py"], "name the module, `conduct`, not its file"),
    ([":worker"], "expected is MODULE:WORKER"),
    (["conduct:app"], "the module `conduct` has no `app`; its workers are worker"),
    (["json"], "the module `json` has no `worker`; nor has it another Worker"),
    (["conduct:echo"], "`conduct:echo` is no acequia.Worker, but of type function"),
    (["conduct", "--queue", "nothing"], "no handler serves the queue `nothing`; there are bytes, "),
    (["conduct", "--slots", "0"], "1 to 65536 slots"),
    (["conduct", "--jobs", "nowhere"], "the jobs endpoint `nowhere` cannot be used"),
])
def test_what_it_cannot_run(arguments, says):
    done = subprocess.run([COMMAND, *arguments], cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_module_does_not_find_is_told_by_itself(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    done = subprocess.run([COMMAND, "broken"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "No module named 'nothing_of_this_name'" in done.stderr


def test_processes_of_the_command(server, client, run_worker):
    program = (
        "from acequia import Worker; import work; worker = Worker(); "
        "worker.queue('pid', processes=True)(work.pid)"
    )
    process = run_worker([sys.executable, "-c", f"{program}; worker.run()"])
    pid = client.result(client.submit(1, queue="pid"))
    assert pid != process.pid
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_a_program_without_a_guard_is_told_of_it(server, client, tmp_path, run_worker):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from acequia import Worker\nworker = Worker(slots=1)\n\n"
        "@worker.queue('default', processes=True)\ndef one(job):\n    return 1\n\nworker.run()\n"
    )
    process = run_worker([sys.executable, script])
    process.line(lambda line: '__name__ == "__main__"' in line, of="stderr")
    assert client.outcome(client.submit(1))["code"] == "process_died"


def test_a_pool_of_it(server, client):
    """As the child of `acequia pool`: started when there is work, and stopped after."""
    process = Process(
        [acequia(), "pool", "--server", f"http://{server.http}", "--queue", "upper", "--max", "2", "--idle-s", "1",
         "--", COMMAND, "conduct"],
        name="pool", cwd=HERE, env=clean_env(),
    )
    assert client.result(client.submit("hello", queue="upper")) == "HELLO"
    server.wait_workers(0)
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
