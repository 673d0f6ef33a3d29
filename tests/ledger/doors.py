"""Three servers, each of them a door all the time and one the owner, too; and the ways between them."""

import secrets
import time

from harness.server import quiet_port

import terms
from cluster import Cluster, Member
from link_proxy import LinkProxy, has_connection_from

SERVERS = 3


class DoorMember(Member):
    """Clients and workers are served by it whoever the owner is.

    Doors of others reach it at `link`. All such servers have one admin token.
    """

    def __init__(self, *flags, link, token, **options):
        self._link, self._token = link, token
        super().__init__(*flags, "--link-advertise", link, "--admin-token-file", token, **options)

    def admin_token(self):
        return self._token.read_text()

    @property
    def address_written(self):
        return f"{self.address_told}/#{self._link}"


class Doors(Cluster):
    """The servers, the database, and their peers."""

    servers = SERVERS

    def __init__(self, folder, seed):
        self._cluster_token, self._admin_token = (token_file(folder / name) for name in ("cluster-token", "admin-token"))
        self._ways, self._asked, self._struck = [], 0, None
        super().__init__(folder, seed)
        terms.keep(self.postgres)

    def _new_member(self, *flags, **options):
        port = quiet_port()
        # Doors of others come by this, and its own within its process.
        way = LinkProxy(("127.0.0.1", port), SERVERS, self._door_of)
        self._ways.append(way)
        return DoorMember.on_quiet_ports(
            *flags, "--link-listen", f"127.0.0.1:{port}", "--cluster-token-file", self._cluster_token,
            link=f"127.0.0.1:{way.port}", token=self._admin_token, **options)

    def _door_of(self, port):
        """Which server has a connection that comes from this port."""
        pids = [site.server.process.pid for site in self.sites]
        return next((nth for nth, pid in enumerate(pids) if has_connection_from(pid, port)), None)

    @property
    def asked(self):
        """Whoever it is that is asked for what is known, each time another."""
        self._asked += 1
        return self.sites[self._asked % SERVERS].server

    @property
    def workers_told(self):
        return len(self.workers)

    def terms(self):
        return terms.read(self.postgres, [site.server.address_written for site in self.sites])

    def _agreed_owner(self):
        """The one server that owns the journal, if there is one, all are linked to it, and all take jobs."""
        servers = [site.server for site in self.sites]
        if any(server.readiness()[0] != 200 for server in servers):
            return None
        owners = [server for server in servers if server.answers() and server.metric("acequia_cluster_owner")]
        if len(owners) != 1 or self._row() != (owners[0].address_written, True):
            return None
        return owners[0] if owners[0].metric("acequia_links") == SERVERS else None

    def come_to_rest(self):
        super().come_to_rest()
        for name, wanted in (("acequia_workers", self.workers_told), ("acequia_links", SERVERS)):
            told = [site.server.metric(name) for site in self.sites]
            assert sum(told) == wanted, f"at rest {name} are {told}, and should be {wanted} in all"

    def strike_owner(self, deed):
        """Does this to whoever is the owner, as far as the servers have said."""
        self._struck = max(range(SERVERS), key=lambda nth: owned(self.sites[nth]))
        self._do_and_note(deed)

    def restore(self, deed):
        """Does this to the one that was struck last."""
        self._do_and_note(deed)

    def _do_and_note(self, deed):
        begin_ns = time.time_ns()
        getattr(self, deed)(self._struck)
        self.noted.append((deed, (self._struck,), begin_ns, time.time_ns()))

    def cut_door(self, nth):
        """The connections of a door and the owner end by RST."""
        for way in self._ways:
            way.cut_door(nth)

    def hold_door(self, nth, ways):
        """From now on nothing gets through, whoever the owner is."""
        for way in self._ways:
            way.hold_door(nth, *ways)

    def free_door(self, nth):
        for way in self._ways:
            way.free_door(nth)

    def close(self, keep=False):
        try:
            super().close(keep)
        finally:
            for way in self._ways:
                way.close()


def owned(site):
    """The last epoch that was a server's; 0 if none was."""
    lines = (line for process in site.processes for line in list(process.stderr) if "owns the journal now" in line)
    return max((int(line.rpartition("epoch=")[2]) for line in lines), default=0)


def token_file(file):
    file.touch(0o600)
    file.write_text(secrets.token_hex(32))
    return file
