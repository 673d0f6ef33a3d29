"""Servers of a cluster that are doors all the time: each takes clients and workers, whoever owns the journal."""

from .cluster import Member
from .process import eventually
from .server import quiet_port


class OpenMember(Member):
    """One of them, where doors link to `link`; `token` is the file with that of the cluster."""

    def __init__(self, journal, token, *flags, **options):
        self.link = f"127.0.0.1:{quiet_port()}"
        super().__init__(journal, "--link-listen", self.link, "--cluster-token-file", token, *flags, **options)

    def wait_ready(self):
        """Waits until it takes jobs: as the owner, or linked to it."""
        self.process.line(lambda line: line.startswith("acequia ready "))

    @property
    def is_owner(self):
        return self.metric("acequia_cluster_owner") == 1

    def owns(self):
        """Waits until it owns the journal and takes jobs; returns itself."""
        eventually(lambda: self.is_owner and self.readyz()[0] == 200, f"{self.http} to own the journal")
        return self


def token_in(folder):
    """The file with a token of a cluster, new in this folder."""
    file = folder / "cluster-token"
    file.touch(0o600)
    file.write_text("cluster-token" * 4)
    return file
