"""An owner with a door in front of it, which to a test is one server: so tests of servers are tests of doors too."""

from .door import Door, Owner
from .process import PATIENCE_S, eventually
from .server import Server, token_left

# Flags that stand without a value.
_ALONE = {"--allow-open-workers", "--no-measures", "--proxy-protocol"}

# Whoever comes from outside comes to the door.
_OF_DOOR = {"--admin-listen", "--listen", "--listen-access", "--proxy-protocol", "--tls-cert", "--tls-key"}

# What a door has no part in; all others, about who may come in and how much they may, both need.
_OF_OWNER = {"--journal", "--lease-s", "--no-measures", "--pool", "--retention-s", "--session-s", "--timeout-s", "--trace-ratio"}


class _Both:
    """What the processes of an owner and of its door say; for all else it is that of the owner."""

    def __init__(self, owner, door):
        self._owner, self._door = owner, door

    def __getattr__(self, name):
        return getattr(self._owner, name)

    @property
    def stdout(self):
        return self._door.stdout + self._owner.stdout

    @property
    def stderr(self):
        return self._door.stderr + self._owner.stderr

    def line(self, matches, *, of="stdout", nth=1, patience_s=PATIENCE_S):
        def look():
            found = [line for line in getattr(self, of) if matches(line)]
            return found[nth - 1:]

        return eventually(look, f"a line of\n{self.log()}", patience_s)[0]

    def log(self):
        return f"{self._owner.log()}\n{self._door.log()}"


class BehindDoor(Server):
    """Clients and workers come to its door; journal, signals and restarts are the owner's."""

    def __init__(self, *flags, listen="127.0.0.1:0", jobs="tcp://127.0.0.1:0", results="tcp://127.0.0.1:0",
                 journal="none", **options):
        of_owner, of_door = _dealt(flags)
        self._owner = Owner(*of_owner, journal=journal, **options)
        self._door = Door(self._owner, flags=of_door, listen=listen, jobs=jobs, results=results, **options)
        self.http, self.jobs, self.results = self._door.http, self._door.jobs, self._door.results
        self.admin = self._door.admin
        self.process = _Both(self._owner.process, self._door.process)
        self._lend_token()

    def _lend_token(self):
        """Commands of this user find the owner's token at the door, too: somebody has put it there."""
        if token := self._owner.admin_token():
            file = token_left(self.address("admin" if self.admin else "http")[1])
            file.touch(0o600)
            file.write_text(token)

    def launch(self):
        self._owner.launch()
        self.process = _Both(self._owner.process, self._door.process)

    def wait_ready(self):
        self._owner.wait_ready()
        self._owner.wait_links(1)
        self._lend_token()

    def admin_token(self):
        return self._owner.admin_token()

    def metrics(self):
        """Those of both: what only one of them counts is nothing at the other."""
        of_owner, of_door = self._owner.metrics(), self._door.metrics()
        return {sample: of_owner.get(sample, 0) + of_door.get(sample, 0) for sample in of_owner | of_door}

    def peak_mib(self):
        """That of whichever had more."""
        return max(self._owner.peak_mib(), self._door.peak_mib())

    def check(self):
        self._door.check()
        self._owner.check()

    def check_log(self):
        self._door.check_log()
        self._owner.check_log()


def _dealt(flags):
    """These flags of a server, as those of the owner and those of the door."""
    of_owner, of_door, rest = [], [], list(flags)
    while rest:
        name = str(rest[0]).partition("=")[0]
        count = 1 if name in _ALONE or "=" in str(rest[0]) else 2
        flag, rest = rest[:count], rest[count:]
        if name not in _OF_DOOR:
            of_owner += flag
        if name not in _OF_OWNER:
            of_door += flag
    return of_owner, of_door
