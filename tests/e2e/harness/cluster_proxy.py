"""What stands in front of a cluster and finds its owner: as it is configured in deploy and in the documents."""

import re

from .process import Process, eventually
from .programs import program
from .prometheus import DEPLOY
from .server import Server, quiet_ports

COMPOSE = DEPLOY / "compose"


class Haproxy:
    """That of Compose, with these servers in place of those that are named there. It has three ports, as a server has."""

    def __init__(self, folder, servers):
        http, jobs, results = quiet_ports(3)
        self.http, self.jobs, self.results = (f"127.0.0.1:{http}", f"tcp://127.0.0.1:{jobs}", f"tcp://127.0.0.1:{results}")
        ports = {"8080": ("http", http), "5557": ("jobs", jobs), "5558": ("results", results)}

        def dialled(found):
            name, port = found.groups()
            host, number = servers[name].address(ports[port][0])
            return f"server {name} {host}:{number}"

        text = (COMPOSE / "haproxy.cfg").read_text()
        text, count = re.subn(r"bind :(\d+)", lambda found: f"bind 127.0.0.1:{ports[found[1]][1]}", text)
        assert count == len(ports)
        text, count = re.subn(r"server (\S+) \1:(\d+)", dialled, text)
        assert count == len(ports) * len(servers)
        self._count = len(servers)
        file = folder / "haproxy.cfg"
        file.write_text(text)
        self._process = Process([program("haproxy"), "-db", "-f", file], name="haproxy", cwd=folder)
        eventually(self._listens, "HAProxy to listen")

    def _listens(self):
        assert self._process.alive, self._process.log()
        try:
            return self.get("/readyz")
        except ConnectionRefusedError:
            return None

    def knows_the_owner(self):
        """Whether all that comes is passed on to the owner: those that it takes for it have their turns."""
        return all(self.get("/readyz")[0] == 200 for _ in range(2 * self._count))

    address, connection, request, get, ws = Server.address, Server.connection, Server.request, Server.get, Server.ws

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._process.kill()
