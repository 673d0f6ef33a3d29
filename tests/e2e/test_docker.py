"""The image: what a linter says of it, that it has all that its build reads, and what its server is told.

It is not built here: that takes a Docker daemon and the network.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from harness import Server, acequia
from harness.prometheus import DEPLOY
from harness.server import ROOT, refused_to_serve

DOCKER = DEPLOY / "docker"
ANY_PORT = ["--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0"]


def test_hadolint_finds_nothing(tmp_path):
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done


def sent():
    """What of the repository is sent to the build."""
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines[0] == "*"
    return [ROOT / line[1:] for line in lines if line.startswith("!")]


def test_all_that_is_built_from_is_sent():
    kept = sent()
    assert all(path.exists() for path in kept)
    # What the compiler has read for the binary under test.
    read = acequia().with_suffix(".d").read_text().split(": ", 1)[1]
    read = [Path(path.replace("\\ ", " ")) for path in re.findall(r"(?:\\ |\S)+", read)]
    assert ROOT / "src/bin/acequia/main.rs" in read
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    read += [ROOT / member / "Cargo.toml" for member in manifest["workspace"]["members"]]
    read += [ROOT / "Cargo.toml", ROOT / "Cargo.lock"]
    missing = [path for path in read if not any(path.is_relative_to(each) for each in kept)]
    assert not missing


def test_its_compiler_is_new_enough():
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    text = (DOCKER / "Dockerfile").read_text()
    (version,) = re.findall(r"^FROM rust:([\d.]+)-", text, re.MULTILINE)
    assert version == manifest["workspace"]["package"]["rust-version"]
    (profile,) = re.findall(r"--profile (\w+)", text)
    assert profile in manifest["profile"]


def test_what_its_server_is_told(tmp_path):
    settings = DOCKER / "acequia.toml"
    said = tomllib.loads(settings.read_text())["serve"]
    text = (DOCKER / "Dockerfile").read_text()
    ports = [said[key].rpartition(":")[2] for key in ("listen", "jobs", "results")]
    assert f"EXPOSE {' '.join(ports)}\n" in text
    (volume,) = re.findall(r"^VOLUME (.+)", text, re.MULTILINE)
    assert Path(said["journal"]).parent == Path(volume)
    # Without a token it does not start, and says where that is asked for.
    said = refused_to_serve("--config", settings, *ANY_PORT)
    assert "--worker-token-file: /run/secrets/worker-token" in said and f"from {settings}:8" in said, said
    token = tmp_path / "worker-token"
    token.write_text("0123456789abcdef" * 2)
    Server("--config", settings, "--worker-token-file", token, journal=tmp_path / "acequia.redb").check()
