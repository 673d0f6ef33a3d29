"""Samples of the documents, done as a reader does them: on the ports of a server of the tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

from .process import Process
from .server import ROOT, acequia, clean_env

# What documents print, and the server that is meant.
PORTS = {"127.0.0.1:8080": "http", "tcp://127.0.0.1:5557": "jobs", "tcp://127.0.0.1:5558": "results"}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MS_SINCE_1970 = re.compile(r"\b\d{13}\b")


def block(document, kind, name):
    """The block of code behind `<!-- kind: name -->`: its language and its text."""
    text = (ROOT / document).read_text()
    found = re.findall(rf"<!-- {kind}: {re.escape(name)} -->\s*```(\w*)\n(.*?)```", text, re.DOTALL)
    assert len(found) == 1, f"{document} has {len(found)} blocks `{kind}: {name}`"
    return found[0]


def sample(document, name):
    return block(document, "sample", name)[1]


def shown(document, name):
    """What the document says that comes of a sample."""
    return block(document, "shown", name)[1]


def on_ports_of(server, text):
    """The same text, of this server; of none, if it is to find its own ports."""
    if server is None:
        return text
    for printed, port in PORTS.items():
        text = text.replace(printed, getattr(server, port))
    return text


def alike(text):
    """What is the same whenever it is done."""
    return MS_SINCE_1970.sub("MS", UUID.sub("JOB", text)).strip()


def with_acequia(folder):
    """An environment in which `acequia` is the one under test, and `python` that of the tests."""
    bin = folder / "bin"
    if not bin.exists():
        bin.mkdir()
        (bin / "acequia").symlink_to(acequia())
    return {"PATH": f"{bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"}


class Reader:
    """Somebody who does what a document says, in a folder of their own."""

    def __init__(self, document, server, folder):
        self.document, self.server, self.folder = document, server, folder
        # What the document's jobs are called here: that of the last answer.
        self.job = None

    def text(self, name):
        """A sample, about this server and the last job."""
        text = on_ports_of(self.server, sample(self.document, name))
        return UUID.sub(self.job, text) if self.job else text

    def save(self, name):
        """Saves a sample under its name."""
        path = self.folder / name
        path.write_text(on_ports_of(self.server, sample(self.document, name)))
        return path

    def start(self, name, *command, env=None):
        """Begins a sample that goes on: one for a shell, or one that was saved and has a command."""
        # `exec`, so that it is what is begun that is signalled.
        command = command or ("sh", "-ec", f"exec {self.text(name)}")
        env = clean_env({**with_acequia(self.folder), **(env or {})})
        return Process(command, name=name, env=env, cwd=self.folder)

    def run(self, name, *command):
        """The same of one that ends, and well; returns what it says."""
        command = command or ("sh", "-ec", self.text(name))
        env = {**os.environ, **clean_env(with_acequia(self.folder))}
        done = subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told = UUID.findall(done.stdout)
        self.job = told[0] if told else self.job
        return done.stdout

    def sees(self, name):
        """Does it, and sees what the document says that comes of it."""
        said = self.run(name)
        # Answers that follow one another have no line ends between them.
        expected = alike(shown(self.document, name)).replace("\n", "")
        assert alike(said).replace("\n", "") == expected, said
        return said
