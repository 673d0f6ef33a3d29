"""Servers with one journal in PostgreSQL: one owns it, and the others stand by."""

from .server import Server, quiet_ports


class Member(Server):
    """A server of a cluster, of which it is not known yet what it is. On ports on which it can be dialled all the time."""

    def __init__(self, journal, *flags, **options):
        http, jobs, results = quiet_ports(3)
        super().__init__(*flags, listen=f"127.0.0.1:{http}", jobs=f"tcp://127.0.0.1:{jobs}",
                         results=f"tcp://127.0.0.1:{results}", journal=journal, **options)

    def start_again(self):
        assert not hasattr(self, "process") or not self.process.alive
        self.launch()

    def wait_standby(self, owner):
        """Waits until it stands by for this one."""
        said = f" owner=http://{owner.http}"
        self.process.line(lambda line: line.startswith("acequia standby ") and line.endswith(said))
