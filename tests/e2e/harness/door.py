"""Owners, which doors may link to, and doors, which hold the clients and workers of an owner."""

import secrets
import tempfile
from pathlib import Path

from .process import eventually
from .server import quiet_ports
from .steered import Steered

_FOLDER = tempfile.TemporaryDirectory(prefix="acequia-token-")


def token_file(text=None):
    """A file with this token of a cluster, or with one that nobody else has."""
    file = Path(tempfile.mkdtemp(dir=_FOLDER.name), "cluster-token")
    file.touch(0o600)
    file.write_text(secrets.token_hex(32) if text is None else text)
    return file


def address_of(link):
    """Host and port of the address of a link, for a plain socket."""
    host, _, port = link.rpartition(":")
    return host, int(port)


# That of a cluster whose test is not about tokens.
TOKEN = token_file()


class Owner(Steered):
    """A server that doors may link to, at its address `link`.

    It keeps its ports over restarts: its peers dial them all the time.
    """

    def __init__(self, *flags, token=TOKEN, **options):
        http, jobs, results, link = quiet_ports(4)
        self.link = f"127.0.0.1:{link}"
        super().__init__("--link-listen", self.link, "--cluster-token-file", token, *flags,
                         listen=f"127.0.0.1:{http}", jobs=f"tcp://127.0.0.1:{jobs}", results=f"tcp://127.0.0.1:{results}",
                         **options)

    def wait_links(self, count):
        """Waits until so many doors are linked."""
        eventually(lambda: self.metric("acequia_links") == count, f"{count} doors")


class Door(Steered):
    """A running `acequia door` of the owner at one of these addresses, or of this `Owner`.

    One that is for workers only has no HTTP. One that is not `linked` is not waited for.
    """

    def __init__(self, *links, flags=(), token=TOKEN, for_workers=False, linked=True, listen="127.0.0.1:0", **options):
        self._links = [getattr(link, "link", link) for link in links]
        self._token, self._linked = token, linked
        # As far as it has said so.
        self._has_http = False
        super().__init__(*flags, listen=None if for_workers else listen, **options)

    def command(self):
        command = ["door", "--link", ",".join(self._links), "--cluster-token-file", self._token,
                   "--jobs", self.jobs, "--results", self.results]
        return command if self.http is None else [*command, "--listen", self.http]

    def start_again(self):
        self.launch()
        if self._linked:
            self.wait_ready()

    def wait_ready(self):
        super().wait_ready()
        self._has_http = self.http is not None

    def wait_linked(self, is_linked=True):
        """Waits until it is linked to an owner, or knows that it is not."""
        eventually(lambda: self.metric("acequia_door_linked") == is_linked, "the link" if is_linked else "its end")

    def check_health(self):
        if self._has_http:
            super().check_health()
