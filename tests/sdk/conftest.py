"""Fixtures: each test runs with each SDK."""

import pytest

from harness.fixtures import (  # noqa: F401 pytest finds them here
    admin, client, make, new_client, new_server, processes, pytest_runtest_makereport, server,
)
from sdks import SDKS, Conduct


def pytest_collection_modifyitems(items):
    """Where nothing can hang, nothing is asked to."""
    items[:] = [item for item in items if can_be(**item.callspec.params)]


def can_be(sdk, queue=None, **_):
    return queue != "hang" or sdk.hangs


@pytest.fixture(params=SDKS, ids=lambda sdk: sdk.name, scope="session")
def sdk(request):
    return request.param


@pytest.fixture
def new_worker(sdk):
    """Starts workers: of the servers that it is given, with these settings."""
    return lambda *servers, **settings: Conduct(sdk, *servers, **settings)


@pytest.fixture
def worker(server, new_worker):
    """One that is ready, of four slots."""
    worker = new_worker(server, slots=4)
    server.wait_workers(1)
    return worker


@pytest.fixture
def kept_server(new_server, tmp_path):
    """A server with a journal, that can be killed and started again."""
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
