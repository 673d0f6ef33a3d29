"""A PostgreSQL of one's own: Debian's package `postgresql`, in a temporary folder.

    python -m harness.postgres -- COMMAND…

runs a command that finds one: ACEQUIA_TEST_POSTGRES is the URL of a database in which it may make others.
"""

import os
import signal
import subprocess
import sys

from .postgres_client import ORDINARY, PASSWORDS, SUPERUSER
from .postgres_server import PostgresServer, run
from .postgres_standby import Standby


class Postgres(PostgresServer):
    """A new one, with an ordinary user and a database of its own."""

    def __init__(self, **settings):
        super().__init__(**settings)
        try:
            self.psql(f"CREATE ROLE {ORDINARY} LOGIN PASSWORD '{PASSWORDS[ORDINARY]}'", database=SUPERUSER)
            self.create_database(ORDINARY)
        except BaseException:
            self.close()
            raise

    def _make(self):
        password = self._folder.write("password", PASSWORDS[SUPERUSER])
        # Not to wait for the disk is safe before there is anything.
        run("initdb", "--pgdata", self.data, "--username", SUPERUSER, "--pwfile", password,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")

    def standby(self, synchronous=False):
        """A second server that has what this one has: a copy, kept up by a stream. Who asks closes it.

        With a `synchronous` one, a commit here is confirmed when the standby has it on its disk; if that is
        away, it waits.
        """
        return Standby(self, synchronous)


def main(arguments):
    if len(arguments) < 2 or arguments[0] != "--":
        sys.exit("usage: python -m harness.postgres -- COMMAND ARGUMENT…")
    # All that was started ends, too, if this is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with Postgres() as postgres:
        url = postgres.url(SUPERUSER, database=SUPERUSER)
        done = subprocess.run(arguments[1:], env={**os.environ, "ACEQUIA_TEST_POSTGRES": url}, check=False)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
