"""A server that cannot have its journal in PostgreSQL does not start, says why, and has changed nothing."""

import itertools

import pytest

from harness import run_acequia
from harness.postgres_client import ORDINARY, PASSWORDS
from harness.server import quiet_port, refused_to_serve

FREE = ["--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0"]
_nth = itertools.count(1)


def refused(url, *flags, env=None):
    """Starts a server that must not start; returns what it says, in which there is no password."""
    said = refused_to_serve(*FREE, "--journal", url, *flags, env=env, codes=(1,))
    assert not any(password in said for password in (*PASSWORDS.values(), "guessed")), said
    # Below what the log has, it is one line for whoever reads it.
    assert said.splitlines()[-1].startswith("acequia: "), said
    return said


def is_untouched(postgres, name):
    return postgres.psql("SELECT nspname FROM pg_namespace WHERE nspname = 'acequia'", database=name) == []


def name_of(url):
    return url.rpartition("/")[2]


def test_a_wrong_password(postgres, database):
    said = refused(postgres.url(password="guessed", database=name_of(database)))
    assert 'does not let the user "acequia" in' in said and "PGPASSWORD" in said
    assert is_untouched(postgres, name_of(database))


def test_no_password(postgres, database):
    said = refused(database.replace(f":{PASSWORDS[ORDINARY]}@", "@"))
    assert 'wants a password of the user "acequia"' in said and "PGPASSWORD" in said


def test_a_password_from_the_environment(postgres, database, new_member):
    bare = database.replace(f":{PASSWORDS[ORDINARY]}@", "@")
    said = refused(bare, env={"PGPASSWORD": "guessed"})
    assert "does not let the user" in said
    assert is_untouched(postgres, name_of(database))
    new_member(bare, env={"PGPASSWORD": PASSWORDS[ORDINARY]}).owns()


def test_no_such_user(postgres, database):
    said = refused(postgres.url(database=name_of(database)).replace(f"//{ORDINARY}:", "//nobody:"))
    assert 'does not let the user "nobody" in' in said


def test_no_such_database(postgres):
    said = refused(postgres.url(database="not_there"))
    assert 'no database "not_there"' in said and "CREATE DATABASE" in said


def test_no_permission_to_make_the_schema(postgres):
    name = f"of_others_{next(_nth)}"
    postgres.psql(f"CREATE DATABASE {name}")
    said = refused(postgres.url(database=name))
    assert 'the user "acequia" may not do what it takes' in said and "GRANT CREATE" in said
    assert is_untouched(postgres, name)


def test_no_permission_for_the_tables(postgres, database, new_member):
    """The schema is there, and another's."""
    new_member(database).owns().stop()
    name = name_of(database)
    postgres.psql("REASSIGN OWNED BY acequia TO postgres", database=name)
    said = refused(database)
    assert 'the user "acequia" may not do what it takes' in said


def test_a_standby_of_another(new_postgres, make):
    primary = new_postgres()
    standby = make(primary.standby())
    said = refused(standby.url())
    assert "read-only" in said and "name the primary" in said
    assert is_untouched(primary, ORDINARY)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_database_that_forgets(new_postgres, setting):
    postgres = new_postgres(**{setting: False})
    said = refused(postgres.url())
    assert f"{setting}=off" in said and f"set {setting}=on" in said
    assert is_untouched(postgres, ORDINARY)


@pytest.mark.parametrize("value", ["off", "local"])
def test_commits_that_nobody_waits_for(postgres, database, value):
    name = name_of(database)
    postgres.psql(f'ALTER ROLE {ORDINARY} IN DATABASE "{name}" SET synchronous_commit = {value}')
    said = refused(database)
    assert f"synchronous_commit is {value}" in said and "ALTER ROLE" in said
    assert is_untouched(postgres, name)


def test_a_newer_schema(postgres, database, new_member):
    new_member(database).owns().stop()
    name = name_of(database)
    postgres.psql("UPDATE acequia.schema SET version = 7", database=name)
    row = "SELECT epoch, owner, lease_until::text, floor_us FROM acequia.cluster"
    before = postgres.psql(row, database=name)
    said = refused(database)
    assert "version 7" in said and "this program knows 1" in said
    assert postgres.psql(row, database=name) == before


def test_out_of_reach():
    """It is looked for a while: it may just be starting."""
    port = quiet_port()
    said = refused(f"postgres://acequia:of-one@127.0.0.1:{port}/acequia")
    assert f"cannot be reached at postgres://127.0.0.1:{port}/acequia" in said and "refused" in said


@pytest.mark.parametrize("url, why", [
    ("postgres://127.0.0.1/acequia", "names no user"),
    ("postgres://:of-one@127.0.0.1/acequia", "names no user"),
    ("postgres://acequia:of-one@127.0.0.1", "names no database"),
    ("postgres://acequia:of-one@127.0.0.1/", "names no database"),
    ("postgres://acequia:of-one@/acequia", "names no host"),
    ("postgres://acequia:of-one@127.0.0.1:none/acequia", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    ("postgres://acequia:of-one@127.0.0.1/acequia?colour=red", "colour"),
    ("postgres://acequia:of-one@127.0.0.1/acequia?sslmode=verify-ca", "verify-full"),
    ("postgres://acequia:of-one@127.0.0.1/acequia?sslmode=", "verify-full"),
    ("postgres://acequia:of-one@127.0.0.1/acequia?sslrootcert=ca.pem", "sslmode=verify-full"),
    ("postgresql://acequia:of-one@127.0.0.1/acequia?sslmode=on", "sslmode=on is unknown"),
])
def test_bad_urls(url, why):
    said = refused(url)
    assert why in said and "--journal" in said, said


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_database_that_does_not_speak_tls(database, mode):
    said = refused(f"{database}?sslmode={mode}")
    assert "does not encrypt" in said and "ssl=on" in said, said


def test_a_certificate_that_is_not_there(database, tmp_path):
    said = refused(f"{database}?sslmode=verify-full&sslrootcert={tmp_path}/none.pem")
    assert "none.pem" in said


@pytest.mark.parametrize("flags, why", [
    (["--cluster-name", " "], "a cluster needs a name"),
    (["--advertise", "10.0.0.5:8080"], "http://10.0.0.5:8080"),
    (["--advertise", "http://10.0.0.5"], "http://10.0.0.5:8080"),
    (["--advertise", "ftp://10.0.0.5:80"], "http://10.0.0.5:8080"),
])
def test_bad_names(postgres, database, flags, why):
    said = refused(database, *flags)
    assert why in said and flags[0] in said
    assert is_untouched(postgres, name_of(database))


def test_an_address_is_of_a_cluster_alone(tmp_path):
    said = refused_to_serve(*FREE, "--journal", tmp_path / "jobs.redb", "--advertise", "http://10.0.0.5:8080")
    assert "--advertise" in said and "postgres://" in said


def test_the_password_is_in_no_output(postgres, database, new_member):
    """However much is said: while it works, and when its database goes."""
    server = new_member(database, env={"ACEQUIA_LOG": "trace"}).owns()
    server.get("/metrics")
    backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia' AND datname = %s"
    postgres.psql(backends, name_of(database))
    assert server.stop() == 0
    said = "\n".join(server.process.stdout + server.process.stderr)
    assert "acequia::" in said and PASSWORDS[ORDINARY] not in said


def test_the_configuration_that_is_shown_has_no_password(database):
    code, out, said = run_acequia("config", "serve", "--journal", database)
    assert code == 0 and name_of(database) in out.decode()
    assert PASSWORDS[ORDINARY] not in out.decode() + said
