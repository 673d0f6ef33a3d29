"""The fixtures of all suites, which start servers and end what a test has left, and those
for workers of this package."""

import logging
import sys
from pathlib import Path

import pytest

from acequia import Worker

from harness import Process
from harness.fixtures import (  # noqa: F401 pytest finds them here
    admin, client, make, new_client, new_server, no_journal_is_left, processes, pytest_runtest_makereport, server,
)
from harness.server import clean_env

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def environment():
    """No setting of the caller's reaches a worker or a client."""
    clean_env()
    logging.getLogger("acequia").setLevel(logging.INFO)


@pytest.fixture
def new_worker(server):
    """Workers within the process of the tests, for this server. `serve` gives one its queues."""
    started = []

    def start(serve, **options):
        worker = Worker(options.pop("jobs", server.jobs), options.pop("results", server.results), **options)
        serve(worker)
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def run_worker(server):
    """Workers as processes of their own: files of this folder, or any command."""

    def start(command, *, at=server, **env):
        if isinstance(command, str):
            command = [sys.executable, HERE / command]
        settings = {"ACEQUIA_JOBS": at.jobs, "ACEQUIA_RESULTS": at.results, **env}
        return Process(command, name="worker", env=clean_env(settings), cwd=HERE)

    return start


@pytest.fixture
def url(server):
    return f"http://{server.http}"
