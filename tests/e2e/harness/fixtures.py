"""Fixtures that every suite against the real server has; a suite's conftest.py imports them."""

from pathlib import Path

import pytest

from .admin import Admin
from .behind_door import BehindDoor
from .client import Client
from .process import take_all
from .server import Server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped:
        # A test that is not run is not passed either.
        report.outcome = "failed"
    setattr(item, f"report_{report.when}", report)
    return report


@pytest.fixture(autouse=True, scope="session")
def no_journal_is_left():
    """A server that keeps a journal is told where; none is left where the tests were started."""
    stray = Path("acequia.redb")
    assert not stray.exists(), f"{stray.resolve()} is in the way: move it away"
    yield
    assert not stray.exists(), f"a test has left {stray.resolve()}"


@pytest.fixture(autouse=True)
def processes(request):
    """Ends every process of the test; on failure shows what they said."""
    take_all()
    yield
    started = take_all()
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        report.sections += [(f"{process.name}", process.log()) for process in started]
    for process in started:
        process.clear_away()


class Cleanup:
    def __init__(self):
        self.things = []

    def __call__(self, thing):
        self.things.append(thing)
        return thing


@pytest.fixture
def make():
    """Closes what it is given at the end of the test, the last first."""
    cleanup = Cleanup()
    yield cleanup
    for thing in reversed(cleanup.things):
        thing.close()


@pytest.fixture
def new_server(request):
    """Starts servers, and checks at the end of the test that each is well."""
    kind = BehindDoor if request.config.getoption("--door", False) else Server
    servers = []

    def start(*flags, quiet_ports=False, **options):
        start = kind.on_quiet_ports if quiet_ports else kind
        servers.append(start(*flags, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.check()


@pytest.fixture
def server(new_server):
    return new_server()


@pytest.fixture
def admin(server, make):
    return make(Admin(server))


@pytest.fixture
def new_client(server, make):
    return lambda encoding="json", **options: make(Client(server, encoding, **options))


@pytest.fixture
def client(new_client):
    return new_client()
