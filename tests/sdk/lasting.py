"""One server and one worker of each SDK for all tests of a file, which do them no harm, and imports these fixtures."""

import pytest

from harness import Server
from harness.process import take_all
from sdks import RESULT_BYTES, Conduct


@pytest.fixture(scope="module")
def lasting(sdk):
    """The two; the worker has four slots."""
    server = Server("--result-bytes", str(RESULT_BYTES))
    worker = Conduct(sdk, server, slots=4)
    # From the tests, which would end them.
    take_all()
    try:
        server.wait_workers(1)
        yield server, worker
        server.check()
    finally:
        for process in (worker, server.process):
            process.clear_away()


@pytest.fixture
def shown(lasting, request):
    """Shows what these two said when a test fails, and that the worker has outlived it."""
    server, worker = lasting
    yield server, worker
    if request.node.report_call.failed:
        request.node.report_call.sections += [(each.name, each.log()) for each in (server.process, worker)]
    assert worker.alive, worker.log()


@pytest.fixture
def server(shown):
    return shown[0]


@pytest.fixture
def worker(shown):
    return shown[1]
