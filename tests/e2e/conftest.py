"""Fixtures: what a test starts is ended after it, and a server must still be well then."""

from pathlib import Path

import pytest

from harness import Serving, Worker
from harness.fixtures import (  # noqa: F401 pytest finds them here
    admin, client, make, new_client, new_server, processes, pytest_runtest_makereport, server,
)
from harness.postgres import Postgres
from harness.prometheus import Prometheus


@pytest.fixture(autouse=True, scope="session")
def no_journal_is_left():
    """A server that keeps a journal is told where; none is left where the tests were started."""
    stray = Path("acequia.redb")
    assert not stray.exists(), f"{stray.resolve()} is in the way: move it away"
    yield
    assert not stray.exists(), f"a test has left {stray.resolve()}"


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
def database(postgres):
    """The URL of an empty database."""
    return postgres.new_database()


@pytest.fixture
def new_postgres(make):
    """Starts PostgreSQL for this test alone, which may do to it what it likes."""
    return lambda **settings: make(Postgres(**settings))
