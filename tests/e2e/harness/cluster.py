"""A cluster: servers with one journal in PostgreSQL, of which one owns it and the others stand by."""

import sys
from pathlib import Path

from .process import Process, eventually
from .server import quiet_ports
from .steered import Steered

TEN_LINES = Path(__file__).resolve().parents[1] / "ten_lines.py"


class Member(Steered):
    """One of them; `journal` is the URL of a database.

    It keeps its ports whatever it is, and over restarts: its peers dial them all the time.
    """

    admin = None

    def __init__(self, journal, *flags, **options):
        http, jobs, results = quiet_ports(3)
        super().__init__(*flags, journal=journal, listen=f"127.0.0.1:{http}", jobs=f"tcp://127.0.0.1:{jobs}",
                         results=f"tcp://127.0.0.1:{results}", **options)

    @property
    def url(self):
        """Where others are told that it is."""
        return f"http://{self.http}"

    def line_of(self, role, owner=None):
        """What it says when it begins to be `ready` or a `standby`."""
        line = f"acequia {role} http={self.http} jobs={self.jobs} results={self.results}"
        return line if owner is None else f"{line} owner={owner}"

    def wait_ready(self):
        """Waits until it has found out who owns the journal: it, or another."""
        self.process.line(lambda line: line.startswith("acequia "))

    def is_last_word(self, line):
        """Whether it has said this, perhaps with more ports, and nothing since."""
        return any(f"{said} ".startswith(f"{line} ") for said in self.process.stdout[-1:])

    def owns(self):
        """Waits until it has become the owner, and has said nothing else since; returns itself."""
        eventually(lambda: self.is_last_word(self.line_of("ready")), f"{self.http} to own the journal")
        return self

    def stands_by(self, owner):
        """Likewise, that it stands by and the other server is the owner."""
        line = self.line_of("standby", owner.url)
        eventually(lambda: self.is_last_word(line), f"{self.http} to stand by for {owner.http}")
        return self

    def worker(self):
        """A worker process of ten lines, which answers in capitals and comes back by itself."""
        return Process([sys.executable, TEN_LINES, self.jobs, self.results], name=f"worker of {self.http}")

    def readyz(self):
        status, _, text = self.get("/readyz")
        return status, text

    def wait_readyz(self, status, text=""):
        """Waits until it answers so, with this in its text; returns all of that."""
        def look():
            found, said = self.readyz()
            return found == status and text in said and said

        return eventually(look, f"/readyz {status} {text!r}")


def owner_of(members):
    """Waits until one of these owns the journal, and returns it."""
    def look():
        return next((member for member in members if member.is_last_word(member.line_of("ready"))), None)

    return eventually(look, "an owner")
