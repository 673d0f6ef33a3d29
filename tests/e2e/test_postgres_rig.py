"""The PostgreSQL of these tests: that what is done to it happens."""

import psycopg
import pytest


def made(postgres, *rows):
    """A table that keeps these rows."""
    postgres.psql("CREATE TABLE kept (nth int PRIMARY KEY)")
    for row in rows:
        postgres.psql("INSERT INTO kept VALUES (%s)", row)
    return postgres


def kept(postgres):
    return [row for row, in postgres.psql("SELECT nth FROM kept ORDER BY nth")]


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
        connection.pgconn.send_query(b"INSERT INTO kept VALUES (1)")
        assert not connection.pgconn.flush()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(postgres.url(), connect_timeout=2)
        connection.pgconn.consume_input()
        assert connection.pgconn.is_busy()
        postgres.resume()
        assert connection.pgconn.get_result().command_status == b"INSERT 0 1"
        assert connection.pgconn.get_result() is None
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
