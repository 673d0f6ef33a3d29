"""The fixtures of the end-to-end tests, which start servers and end what a test has left, and those
for workers of this package."""

import importlib.util
import logging
import sys
from pathlib import Path

import pytest

from acequia import Worker

from harness import Process
from harness.server import clean_env

HERE = Path(__file__).parent
E2E = HERE.parents[2] / "tests/e2e"


def pytest_configure(config):
    spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
    fixtures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fixtures)
    config.pluginmanager.register(fixtures, "e2e")


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
