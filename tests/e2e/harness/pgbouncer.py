"""A pooler in front of PostgreSQL: Debian's package `pgbouncer`, one transaction at a time."""

import signal

from .postgres_client import PASSWORDS, PostgresClient
from .process import Process
from .programs import program
from .server import quiet_port
from .unprivileged import Folder, as_whom

CONFIG = """
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
auth_type = scram-sha-256
auth_file = {users}
# So many seconds after a login that failed; 15 without this.
server_login_retry = 1
"""


class PgBouncer(PostgresClient):
    """In front of a `Postgres`, or a proxy before one, whose port is `server_port`."""

    def __init__(self, server_port):
        self.port = quiet_port()
        self._folder = Folder("acequia-pgbouncer-")
        users = "".join(f'"{user}" "{password}"\n' for user, password in PASSWORDS.items())
        config = self._folder.write("pgbouncer.ini", CONFIG.format(
            host=self.host, port=self.port, server_port=server_port, users=self._folder.write("users", users)))
        self.process = Process([program("pgbouncer"), config], name="pgbouncer", cwd="/", **as_whom())
        self.process.line(lambda line: "process up" in line, of="stderr")

    def close(self):
        self.process.signal(signal.SIGINT)
        self.process.wait()
        self._folder.close()
