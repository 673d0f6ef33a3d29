"""The Debian package: built of the program that is tested, installed, started, removed."""

import gzip
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from harness import Client, Server, acequia, acequia_worker
from harness.server import ROOT

PROGRAM = Path("/usr/bin/acequia")
SETTINGS = Path("/etc/acequia/acequia.toml")
UNITS = Path("/usr/lib/systemd/system")


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False, **options)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}:\n{done.stdout}{done.stderr}"
    return done.stdout


def as_root(*command):
    return run(*([] if os.geteuid() == 0 else ["sudo"]), *command)


@pytest.fixture(scope="module")
def package():
    assert not PROGRAM.exists(), f"{PROGRAM} is there already: this test would take it away"
    return ROOT / run(ROOT / "deploy/deb/build", acequia()).strip()


@pytest.fixture
def installed(package):
    as_root("dpkg", "--install", package)
    yield
    as_root("dpkg", "--purge", "acequia")


def test_it_says_what_it_is(package):
    fields = run("dpkg-deb", "--field", package)
    assert "Package: acequia\n" in fields and "libc6" in fields
    version = run(acequia(), "--version").split()[1]
    assert f"Version: {version}-1\n" in fields


def test_its_service_starts(installed, tmp_path):
    """As its unit does, on ports that are free."""
    assert run(PROGRAM, "--version") == run(acequia(), "--version")
    run("systemd-analyze", "verify", "--man=no", *UNITS.glob("acequia*.service"))
    unit = (UNITS / "acequia.service").read_text()
    (start,) = [line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert start == f"{PROGRAM} serve --config {SETTINGS}"
    server = Server("--config", SETTINGS, journal=None, cwd=tmp_path, binary=PROGRAM)
    acequia_worker(server, "--", "cat")
    with Client(server) as client:
        assert client.result(client.submit("hello")) == "hello"
    assert (tmp_path / "acequia.redb").exists()
    assert server.stop() == 0


def test_what_goes_with_it_is_found(installed):
    for page in ("acequia", "acequia-serve", "acequia-worker"):
        assert b".TH" in gzip.decompress(Path(f"/usr/share/man/man1/{page}.1.gz").read_bytes())
    completions = run("bash", "-ec", "source /usr/share/bash-completion/completions/acequia; complete -p acequia")
    assert "acequia" in completions


def test_what_an_operator_has_set_outlives_it(package):
    as_root("dpkg", "--install", package)
    as_root("sh", "-c", f"echo '# mine' >> {SETTINGS}")
    as_root("dpkg", "--remove", "acequia")
    assert not PROGRAM.exists() and not list(UNITS.glob("acequia*"))
    assert SETTINGS.read_text().endswith("# mine\n")
    as_root("dpkg", "--purge", "acequia")
    assert not SETTINGS.exists()
