"""The PostgreSQL of these tests: that what is done to it happens."""

import select
import signal
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import psycopg
import pytest

from harness import Process, eventually
from harness.pgbouncer import PgBouncer
from harness.postgres_client import ORDINARY
from harness.postgres_proxy import PostgresProxy
from harness.process import PATIENCE_S
from harness.tcp_proxy import TO_CLIENT, TO_SERVER, finish, reset


def made(postgres, *rows):
    """A table that keeps these rows."""
    postgres.psql("CREATE TABLE kept (nth int PRIMARY KEY)")
    for row in rows:
        postgres.psql("INSERT INTO kept VALUES (%s)", row)
    return postgres


def kept(postgres):
    return [row for row, in postgres.psql("SELECT nth FROM kept ORDER BY nth")]


def asked(connection, sql):
    """Has a statement run meanwhile; what it comes to is to be waited for."""
    answer = Future()

    def ask():
        try:
            answer.set_result(connection.execute(sql).statusmessage)
        except psycopg.Error as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return answer


def test_databases_are_apart_and_belong_to_the_ordinary_user(postgres, database):
    other = postgres.new_database()
    for url in (database, other):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA acequia")
            connection.execute("CREATE TABLE acequia.jobs (nth int)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE DATABASE mine")


def test_who_has_no_password_does_not_get_in(postgres):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url(password="guessed"))


# As the tests in Rust find theirs.
COMMAND = [sys.executable, "-m", "harness.postgres", "--"]
HERE = Path(__file__).parent


def test_a_command_finds_one_in_which_it_may_make_databases():
    program = ("import os, psycopg, sys\n"
               "with psycopg.connect(os.environ['ACEQUIA_TEST_POSTGRES'], autocommit=True) as connection:\n"
               "    connection.execute('CREATE DATABASE mine')\n"
               "sys.exit(7)")
    done = Process([*COMMAND, sys.executable, "-c", program], name="command", cwd=HERE)
    assert done.wait() == 7, done.log()


def test_a_command_that_is_told_to_end_leaves_nothing():
    running = Process([*COMMAND, "sh", "-c", "echo $ACEQUIA_TEST_POSTGRES; exec sleep 600"], name="command", cwd=HERE)
    url = running.line(lambda line: line.startswith("postgres://"))
    with psycopg.connect(url) as connection:
        (data,), = connection.execute("SHOW data_directory").fetchall()
    running.signal(signal.SIGTERM)
    assert running.wait() == 128 + signal.SIGTERM, running.log()
    assert not Path(data).exists()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)


def test_what_was_committed_is_there_after_a_kill(new_postgres):
    postgres = made(new_postgres(), 1)
    assert postgres.psql("SHOW fsync") == [("on",)]
    port = postgres.port
    with postgres.connect() as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        postgres.connect()
    postgres.start()
    assert (kept(postgres), postgres.port) == ([1, 2], port)


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_it_is_restarted_in_each_way(new_postgres, mode):
    postgres = made(new_postgres(), 1)
    postgres.restart(mode)
    assert kept(postgres) == [1]


def test_a_pause_answers_nobody_and_breaks_nothing(new_postgres):
    postgres = made(new_postgres())
    with postgres.connect() as connection:
        postgres.pause()
        written = asked(connection, "INSERT INTO kept VALUES (1)")
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            postgres.connect(patience_s=2)
        assert not written.done()
        postgres.resume()
        assert written.result(PATIENCE_S) == "INSERT 0 1"
    assert kept(postgres) == [1]


def test_settings_take_effect_with_and_without_a_restart(new_postgres):
    postgres = new_postgres(work_mem="1MB")
    first = postgres.process
    postgres.configure(work_mem=None, log_statement="all")
    assert postgres.psql("SHOW log_statement") == [("all",)] and postgres.psql("SHOW work_mem") == [("4MB",)]
    assert postgres.process is first
    postgres.configure(max_connections=17, fsync=False)
    assert postgres.psql("SHOW max_connections") == [("17",)] and postgres.psql("SHOW fsync") == [("off",)]
    assert postgres.process is not first
    with pytest.raises(AssertionError, match="no_such_setting"):
        postgres.configure(no_such_setting=1)


def test_a_synchronous_standby_has_what_was_confirmed(new_postgres, make):
    primary = made(new_postgres(), 1)
    standby = make(primary.standby(synchronous=True))
    primary.psql("INSERT INTO kept VALUES (2)")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        standby.psql("INSERT INTO kept VALUES (3)")
    primary.kill()
    standby.promote()
    standby.psql("INSERT INTO kept VALUES (3)")
    assert kept(standby) == [1, 2, 3]


def test_an_asynchronous_standby_may_lack_what_was_confirmed(new_postgres, make):
    primary = made(new_postgres(), 1)
    standby = make(primary.standby())
    eventually(standby.has_caught_up, "the standby")
    # Stopped, not paused: what is on its way to one that is paused arrives yet.
    standby.stop()
    primary.psql("INSERT INTO kept VALUES (2)")
    primary.kill()
    standby.start()
    standby.promote()
    assert kept(standby) == [1]


def test_a_pooler_gives_one_connection_to_two_clients(postgres, database, make):
    pooler = make(PgBouncer(postgres.port))
    name = database.rpartition("/")[2]
    backend = "SELECT pg_backend_pid()"
    with pooler.connect(ORDINARY, database=name) as one, pooler.connect(ORDINARY, database=name) as other:
        assert one.execute(backend).fetchall() == other.execute(backend).fetchall()
        with pytest.raises(psycopg.OperationalError):
            pooler.connect(ORDINARY, database=name, password="guessed")


GROUP = "INSERT INTO acequia.groups VALUES (%s)"


class Groups:
    """The table of groups in a database of its own, behind a proxy."""

    def __init__(self, postgres, make):
        self._postgres, self._make = postgres, make
        self._name = postgres.new_database().rpartition("/")[2]
        self.proxy = make(PostgresProxy(postgres))
        postgres.psql("CREATE SCHEMA acequia", database=self._name)
        postgres.psql("CREATE TABLE acequia.groups (nth int PRIMARY KEY)", database=self._name)

    def client(self, **options):
        return self._make(self._postgres.connect(database=self._name, port=self.proxy.port, **options))

    @property
    def written(self):
        rows = self._postgres.psql("SELECT nth FROM acequia.groups ORDER BY nth", database=self._name)
        return [row for row, in rows]


@pytest.fixture
def groups(postgres, make):
    return Groups(postgres, make)


# How psycopg has it done: in one message; parsed each time; prepared once, and then run by its name.
WAYS = {"simple": {}, "parsed": {"prepare": False}, "prepared": {"prepare": True}}


def write(client, nth, prepare=None):
    if prepare is None:
        client.execute(GROUP % nth)
    else:
        client.execute(GROUP, [nth], prepare=prepare)
    assert client.execute("SELECT count(*) FROM acequia.groups WHERE nth = %s", [nth]).fetchone() == (1,)


@pytest.mark.parametrize("how", [reset, finish])
@pytest.mark.parametrize("way", WAYS)
def test_a_lost_answer_leaves_the_row(groups, way, how):
    client = groups.client()
    write(client, 1, **WAYS[way])
    mishap = groups.proxy.lose_answer(nth=2, how=how)
    write(client, 2, **WAYS[way])
    with pytest.raises(psycopg.OperationalError):
        write(client, 3, **WAYS[way])
    assert mishap.wait().tag == "INSERT 0 1"
    assert groups.written == [1, 2, 3]
    write(groups.client(), 4)
    assert groups.proxy.groups == 4


@pytest.mark.parametrize("how", [reset, finish])
@pytest.mark.parametrize("way", WAYS)
def test_a_lost_request_leaves_no_row(groups, way, how):
    client = groups.client()
    write(client, 1, **WAYS[way])
    mishap = groups.proxy.lose_request(nth=2, how=how)
    write(client, 2, **WAYS[way])
    with pytest.raises(psycopg.OperationalError):
        write(client, 3, **WAYS[way])
    mishap.wait()
    write(groups.client(), 4)
    assert groups.written == [1, 2, 4]


@pytest.mark.parametrize("way", WAYS)
def test_a_delayed_request_comes_after_others(groups, way):
    client = groups.client()
    write(client, 1, **WAYS[way])
    mishap = groups.proxy.delay_request()
    with pytest.raises(psycopg.OperationalError):
        write(client, 2, **WAYS[way])
    mishap.wait()
    client.close()
    write(groups.client(), 3)
    assert groups.written == [1, 3]
    assert mishap.release().tag == "INSERT 0 1"
    assert groups.written == [1, 2, 3]


def test_a_delayed_request_may_be_refused(groups):
    mishap = groups.proxy.delay_request()
    with pytest.raises(psycopg.OperationalError):
        write(groups.client(), 1)
    mishap.wait()
    write(groups.client(), 1)
    assert mishap.release().error == "23505"
    assert groups.written == [1]


def test_an_answer_that_is_no_commit_is_not_taken_for_one(groups):
    client = groups.client()
    write(client, 1)
    mishap = groups.proxy.lose_answer()
    with pytest.raises(psycopg.OperationalError):
        write(client, 1)
    with pytest.raises(AssertionError, match="23505"):
        mishap.wait()


def test_a_write_within_a_transaction_is_not_taken_for_a_commit(groups):
    mishap = groups.proxy.lose_answer()
    with pytest.raises(psycopg.OperationalError):
        groups.client().execute(f"BEGIN; {GROUP % 1}")
    with pytest.raises(AssertionError, match="not committed"):
        mishap.wait()
    assert groups.written == []


def test_a_request_that_is_cut_off_cannot_be_released(groups):
    mishap = groups.proxy.delay_request()
    with pytest.raises(psycopg.OperationalError):
        write(groups.client(), 1)
    mishap.wait()
    groups.proxy.cut()
    with pytest.raises(AssertionError, match="without an answer"):
        mishap.release()
    assert groups.written == []


def test_a_request_that_comes_when_the_server_has_gone_holds_up_nothing(postgres, groups):
    """Its proxy can be closed, as it is at the end of each test."""
    client = groups.client()
    postgres.psql("SELECT pg_terminate_backend(%s)", client.info.backend_pid)
    over = select.poll()
    over.register(client.fileno(), select.POLLRDHUP)
    assert over.poll(PATIENCE_S * 1000)
    mishap = groups.proxy.delay_request()
    with pytest.raises(psycopg.OperationalError):
        write(client, 1)
    with pytest.raises(AssertionError, match="without an answer"):
        mishap.wait()
    assert groups.written == []


@pytest.mark.parametrize("how", [reset, finish])
def test_connections_are_cut(groups, how):
    clients = [groups.client() for _ in range(3)]
    assert groups.proxy.cut(how=how) == 3
    for client in clients:
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    write(groups.client(), 1)


@pytest.mark.parametrize("way, written", [(TO_SERVER, []), (TO_CLIENT, [1])])
def test_what_is_held_comes_later(groups, way, written):
    client = groups.client()
    groups.proxy.hold(way)
    answer = asked(client, GROUP % 1)
    eventually(lambda: groups.written == written, "what was not held")
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        groups.client(patience_s=2)
    assert not answer.done() and groups.written == written
    groups.proxy.resume()
    assert answer.result(PATIENCE_S) == "INSERT 0 1"
    write(client, 2)


def test_who_is_refused_does_not_get_in_and_who_is_in_stays(groups):
    client = groups.client()
    groups.proxy.refuse()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        groups.client()
    write(client, 1)
    groups.proxy.resume()
    write(groups.client(), 2)
