"""The units for systemd: what systemd says of them, and that what they forbid is not needed."""

import os
import re
import signal
import subprocess
import tomllib

import pytest

from harness import Process, acequia, run_acequia
from harness.open_member import token_in
from harness.prometheus import DEPLOY

COMMANDS = {"acequia.service": "serve", "acequia-door.service": "door", "acequia-worker@.service": "worker",
            "acequia-pool@.service": "pool"}
UNITS = list(COMMANDS)
# Of 100; a service that does not protect itself has 96.
EXPOSURE_MAX = 20


def systemd(*words):
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def settings(unit):
    """All values of each setting, in their order."""
    found = {}
    for line in (DEPLOY / "systemd" / unit).read_text().splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def seconds(unit, setting):
    (value,) = settings(unit)[setting]
    return int(value.removesuffix("s"))


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_it(unit, tmp_path):
    copy = tmp_path / unit
    text = (DEPLOY / "systemd" / unit).read_text()
    assert text.count("/usr/local/bin/acequia ") == 1
    # The program has to be there, and no page of the manual.
    copy.write_text(text.replace("/usr/local/bin/acequia ", f"{acequia()} "))
    assert systemd("verify", "--man=no", copy) == (0, "")
    # What it does not understand it says, and goes on.
    copy.write_text(copy.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))
    assert "NoNewPrivilege" in systemd("verify", "--man=no", copy)[1]


@pytest.mark.parametrize("unit", UNITS)
def test_it_is_hardened(unit):
    code, said = systemd("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", DEPLOY / "systemd" / unit)
    assert code == 0, said


@pytest.mark.parametrize("unit", UNITS)
def test_it_waits_longer_than_running_jobs_may_take(unit):
    code, out, said = run_acequia("config", COMMANDS[unit])
    assert code == 0, said
    # The server has another default for each sort of journal, none of them longer.
    grace_s = tomllib.loads(out.decode())[COMMANDS[unit]].get("grace_s", 10)
    assert seconds(unit, "TimeoutStopSec") > grace_s


@pytest.mark.parametrize("unit", UNITS)
def test_its_command(unit, tmp_path):
    (start,) = settings(unit)["ExecStart"]
    program, command, *flags = start.split()
    assert (program, command, flags[0]) == ("/usr/local/bin/acequia", COMMANDS[unit], "--config")
    # Wrong settings are what it is not started again for.
    (tmp_path / "wrong.toml").write_text("wrong = 1")
    code, _, _ = run_acequia(command, "--config", tmp_path / "wrong.toml")
    assert [str(code)] == settings(unit)["RestartPreventExitStatus"]


def allowed(unit):
    """The system calls that a unit allows."""
    calls = set()
    for value in settings(unit)["SystemCallFilter"]:
        given = set().union(*(group(name) for name in value.removeprefix("~").split()))
        calls = calls - given if value.startswith("~") else calls | given
    return calls | group("@default")


def group(name):
    if not name.startswith("@"):
        return {name}
    code, said = systemd("syscall-filter", name)
    assert code == 0, said
    words = [line.strip() for line in said.splitlines()[1:]]
    return set().union(*(group(word) for word in words if word and not word.startswith("#")))


def traced(*command, folder):
    """The command under `strace`, and what reads the system calls that it has made."""
    log = folder / "calls"
    process = Process(["strace", "-f", "-qq", "-o", log, acequia(), *command], name=command[0], cwd=folder)

    def calls():
        return set(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE))

    return process, calls


def stopped(process):
    """`strace` passes no signal on."""
    (child,) = process.children()
    os.kill(child, signal.SIGTERM)
    assert process.wait() == 0


def where(process):
    """The ports that it tells."""
    ready = process.line(lambda line: line.startswith("acequia ready "))
    return dict(word.split("=", 1) for word in ready.split()[2:])


def test_it_makes_no_call_that_is_forbidden(tmp_path):
    """A server with a journal, a door, workers that run a command, one of them of a pool, and jobs."""
    folders = (tmp_path / name for name in ("server", "door", "worker", "pool"))
    server_folder, door_folder, worker_folder, pool_folder = folders
    for folder in (server_folder, door_folder, worker_folder, pool_folder):
        folder.mkdir()
    token, free = token_in(tmp_path), ("--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0")
    serve, server_calls = traced("serve", "--listen", "127.0.0.1:0", *free, "--link-listen", "127.0.0.1:0",
                                 "--cluster-token-file", token, folder=server_folder)
    at = where(serve)
    door, door_calls = traced("door", "--link", at["link"], "--cluster-token-file", token, "--listen", "127.0.0.1:0",
                              *free, folder=door_folder)
    at_door = where(door)
    worker, worker_calls = traced("worker", "--jobs", at_door["jobs"], "--results", at_door["results"], "--", "cat",
                                  folder=worker_folder)
    code, out, said = run_acequia("submit", "--server", f"http://{at_door['http']}", stdin=b"hello")
    assert (code, out) == (0, b"hello"), said
    pool, pool_calls = traced("pool", "--server", f"http://{at['http']}", "--queue", "pooled", "--", acequia(),
                              "worker", "--", "cat", folder=pool_folder)
    submit = ("submit", "--server", f"http://{at['http']}", "--queue", "pooled")
    code, out, said = run_acequia(*submit, stdin=b"hello")
    assert (code, out) == (0, b"hello"), said
    stopped(pool)
    stopped(worker)
    stopped(door)
    stopped(serve)
    for unit, calls in (("acequia.service", server_calls()), ("acequia-door.service", door_calls()),
                        ("acequia-worker@.service", worker_calls()), ("acequia-pool@.service", pool_calls())):
        assert {"execve", "socket", "exit_group"} <= calls
        assert calls <= allowed(unit), calls - allowed(unit)
    # The journal lies in the state folder.
    assert (server_folder / "acequia.redb").is_file()
