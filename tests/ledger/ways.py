"""A server, and the ways to it."""

import signal

from harness.tcp_proxy import Proxy

PORTS = ("http", "jobs", "results")


class Site:
    """Peers dial its ports, directly or by a proxy for each."""

    def __init__(self, server):
        self.server = server
        self.processes = [server.process]  # all that it ever had
        self.proxies = {port: Proxy(server.address(port)) for port in PORTS}

    def url(self, port, by_proxy):
        """Where a port is found."""
        url = self.server.http if port == "http" else getattr(self.server, port)
        return f"{url.rpartition(':')[0]}:{self.proxies[port].port}" if by_proxy else url

    def launch(self):
        """Does not wait until it is ready: it may be killed before."""
        self.server.process.wait()
        self.server.launch()
        self.processes.append(self.server.process)

    def stop(self):
        self.server.process.signal(signal.SIGTERM)

    def pause(self):
        self.server.process.signal(signal.SIGSTOP)

    def resume(self):
        self.server.process.signal(signal.SIGCONT)

    def keep_logs(self, folder, name):
        """What each of its processes said."""
        for nth, process in enumerate(self.processes, 1):
            lines = (f"{line}\n" for line in process.stdout + process.stderr)
            (folder / f"{name}.{nth}.log").write_text("".join(lines))

    def close(self):
        for proxy in self.proxies.values():
            proxy.close()
