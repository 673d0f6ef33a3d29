"""Whoever speaks to a PostgreSQL of these tests: its users, URLs and statements."""

import itertools
from urllib.parse import quote

import psycopg

from .process import PATIENCE_S

# The superuser, and the ordinary user, who owns the database of the same name.
PASSWORDS = {"postgres": "of-all", "acequia": "of-one"}
SUPERUSER = "postgres"
ORDINARY = "acequia"

_nth = itertools.count(1)


class PostgresClient:
    """Of what listens on `port`: a server, or something in front of one."""

    host = "127.0.0.1"

    def url(self, user=ORDINARY, password=None, database=ORDINARY, port=None):
        """For a client: the ordinary user, and its own database. `port` may be that of a proxy, or several."""
        ports = port if isinstance(port, (list, tuple)) else [port or self.port]
        password = PASSWORDS[user] if password is None else password
        hosts = ",".join(f"{self.host}:{port}" for port in ports)
        return f"postgres://{quote(user, '')}:{quote(password, '')}@{hosts}/{quote(database, '')}"

    def connect(self, user=SUPERUSER, patience_s=PATIENCE_S, **where):
        """A connection of psycopg, in which each statement is a transaction; who asks closes it."""
        return psycopg.connect(self.url(user, **where), autocommit=True, connect_timeout=patience_s)

    def psql(self, sql, *values, **where):
        """Runs a statement, as the superuser if not told otherwise; returns the rows."""
        with self.connect(**where) as connection:
            cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name):
        """An empty one that the ordinary user owns; returns its URL for that user."""
        self.psql(f'CREATE DATABASE "{name}" OWNER {ORDINARY}', database=SUPERUSER)
        return self.url(database=name)

    def new_database(self):
        """The URL of one with a name that no other has."""
        return self.create_database(f"acequia_{next(_nth)}")
