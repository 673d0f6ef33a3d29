"""Fixtures: what a test starts is ended after it, and a server must still be well then."""

import pytest

from harness import Serving, Worker
from harness.fixtures import (  # noqa: F401 pytest finds them here
    admin, client, make, new_client, new_server, no_journal_is_left, processes, pytest_runtest_makereport, server,
)
from harness.cluster import Member
from harness.postgres import Postgres
from harness.prometheus import Prometheus


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
def owner(postgres):
    """A server of a cluster, alone in it; it must be well at the end of the test."""
    server = Member(postgres.new_database())
    server.wait_ready()
    yield server
    server.check()


@pytest.fixture
def database(postgres):
    """The URL of an empty database."""
    return postgres.new_database()


@pytest.fixture
def new_postgres(make):
    """Starts PostgreSQL for this test alone, which may do to it what it likes."""
    return lambda **settings: make(Postgres(**settings))
