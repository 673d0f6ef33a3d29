"""A second PostgreSQL that follows a first one, and can take its place."""

from .postgres_client import PASSWORDS, SUPERUSER
from .postgres_server import PostgresServer, run
from .process import eventually

NAME = "standby"


class Standby(PostgresServer):
    """Begins with a copy of `primary`; it can be read, and written after `promote`."""

    def __init__(self, primary, synchronous):
        self._primary = primary
        source = (f"host={primary.host} port={primary.port} user={SUPERUSER} password={PASSWORDS[SUPERUSER]} "
                  f"application_name={NAME}")
        self._source = source
        super().__init__(primary_conninfo=source, primary_slot_name=NAME)
        try:
            if synchronous:
                primary.configure(synchronous_standby_names=NAME)
            wanted = "sync" if synchronous else "async"
            eventually(lambda: self._followed_as() == [("streaming", wanted)], f"a standby that is {wanted}")
        except BaseException:
            self.close()
            raise

    def _make(self):
        # With a place in the first one's log, so that nothing of it is dropped while this one is away.
        run("pg_basebackup", "--pgdata", self.data, "--dbname", self._source, "--wal-method", "stream",
            "--checkpoint", "fast", "--create-slot", "--slot", NAME, "--no-sync")
        self._folder.write("data/standby.signal", "")

    def _followed_as(self):
        return self._primary.psql("SELECT state, sync_state FROM pg_stat_replication")

    def has_caught_up(self):
        """Whether it has all that the first one has written."""
        has_all = "SELECT flush_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication"
        return self._primary.psql(has_all) == [(True,)]

    def promote(self):
        """From now on it follows nobody, and can be written."""
        assert self.psql("SELECT pg_promote()") == [(True,)]
