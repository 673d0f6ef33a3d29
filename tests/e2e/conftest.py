"""Fixtures: what a test starts is ended after it, and a server must still be well then."""

import signal

import pytest

from harness import Serving, Worker
from harness.at_door import (  # noqa: F401 pytest finds them here
    pytest_addoption, pytest_collection_modifyitems, pytest_ignore_collect,
)
from harness.cluster import Member
from harness.door import Door, Owner
from harness.fixtures import (  # noqa: F401 pytest finds them here
    admin, client, make, new_client, new_server, no_journal_is_left, processes, pytest_runtest_makereport, server,
)
from harness.open_member import OpenMember, token_in
from harness.postgres import Postgres
from harness.postgres_proxy import PostgresProxy
from harness.prometheus import Prometheus

# Under `nohup` every process that a test starts would ignore it too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(params=["json", "msgpack"])
def encoding(request):
    return request.param


@pytest.fixture
def new_worker(server, make):
    return lambda **offer: make(Worker(server, **offer))


@pytest.fixture
def new_serving(server, make):
    return lambda handler=lambda job: job.body, **offer: make(Serving(server, handler, **offer))


@pytest.fixture
def new_prometheus(tmp_path_factory):
    """Starts a Prometheus for a server, and checks at the end of the test that all scrapes went well."""
    started = []

    def start(server, *, checked=True):
        prometheus = Prometheus(server, tmp_path_factory.mktemp("prometheus"))
        if checked:
            started.append(prometheus)
        return prometheus

    yield start
    for prometheus in started:
        prometheus.check()


@pytest.fixture(scope="session")
def postgres():
    """One for all tests, which therefore only make databases in it; it is not there before a test asks for it."""
    with Postgres() as postgres:
        yield postgres


@pytest.fixture
def owner(new_member, database):
    """A server of a cluster, alone in it; it must be well at the end of the test."""
    return new_member(database).owns()


@pytest.fixture
def database(postgres):
    """The URL of an empty database."""
    return postgres.new_database()


@pytest.fixture
def new_postgres(make):
    """Starts PostgreSQL for this test alone, which may do to it what it likes."""
    return lambda **settings: make(Postgres(**settings))


def steered(kind):
    """Starts servers of this kind, and checks at the end of the test that each is well that was not ended."""
    servers = []

    def start(*args, **options):
        servers.append(kind(*args, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.check()


@pytest.fixture
def new_member():
    yield from steered(Member)


@pytest.fixture
def new_owner():
    yield from steered(Owner)


@pytest.fixture
def new_door():
    yield from steered(Door)


@pytest.fixture
def doors(new_owner, new_door):
    """An owner, and two doors of it."""
    owner = new_owner()
    return owner, new_door(owner), new_door(owner)


@pytest.fixture
def pair(new_member, database):
    """A server that owns its journal, and one that stands by."""
    one = new_member(database).owns()
    return one, new_member(database).stands_by(one)


@pytest.fixture
def behind_proxy(postgres, database, new_member, make):
    """A proxy, an owner behind it, and a server that stands by and has a way of its own to PostgreSQL."""
    proxy = make(PostgresProxy(postgres))
    one = new_member(postgres.url(database=database.rpartition("/")[2], port=proxy.port)).owns()
    return proxy, one, new_member(database).stands_by(one)


@pytest.fixture
def open_owner(database, tmp_path):
    """A server of a cluster, alone in it, that is a door too; it must be well at the end of the test."""
    owner = OpenMember(database, token_in(tmp_path)).owns()
    yield owner
    owner.check()
