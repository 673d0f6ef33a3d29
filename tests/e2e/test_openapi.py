"""The document of the admin calls is what the server does: Schemathesis makes calls from it, good and bad."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Admin
from harness.server import ROOT

HERE = Path(__file__).parent
DOCUMENT = json.loads((ROOT / "src/admin/openapi.json").read_text())
METHODS = {"get", "put", "post", "delete"}
OPERATIONS = sorted(
    (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in METHODS & item.keys()
)
TOKEN = "0123456789abcdef0123456789abcdef"


def schemathesis(server, folder, *flags, **env):
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run",
         f"http://{server.http}/v1/admin/openapi.json", "--no-color", "--max-examples", "25", *flags],
        # It keeps what it has seen where it runs.
        cwd=folder, env={**os.environ, **env}, capture_output=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_it_is_served_as_it_is_written(admin):
    assert admin.get("openapi.json") == DOCUMENT


def test_it_lists_the_calls_that_there_are():
    routes = set(re.findall(r'\.route\(\s*"([^"]+)"', (ROOT / "src/admin.rs").read_text()))
    assert set(DOCUMENT["paths"]) == routes


def test_the_manual_lists_them_too():
    manual = (ROOT / "docs/admin.md").read_text()
    listed = set(re.findall(r"`(GET|PUT|POST|DELETE) /v1/admin(/[^`?]*)", manual))
    assert listed == set(OPERATIONS)


@pytest.mark.parametrize("method, path", OPERATIONS)
def test_each_call_wants_the_token(new_server, tmp_path, method, path):
    (tmp_path / "token").write_text(TOKEN)
    server = new_server("--admin-token-file", tmp_path / "token")
    url = f"/v1/admin{re.sub(r'{[a-z]+}', '1', path)}"
    for headers in ({}, {"Authorization": f"Bearer {TOKEN[:-1]}x"}):
        status, _, text = server.request(method, url, headers)
        assert status == 401 and json.loads(text)["code"] == "unauthorized"


def test_good_and_bad_calls_are_answered_as_it_says(server, client, new_worker, admin, tmp_path):
    worker = new_worker(slots=2, name="w")
    failing, running = client.submit("fails"), client.submit("runs")
    worker.fail(worker.job(), message="no luck", retry=False)
    client.outcome(failing)
    (letter,), _ = admin.dead_letters()
    client.accepted([running, client.submit("waits"), client.submit("later", delay_ms=600_000)])
    job = admin.get("jobs", state="running")["jobs"][0]["job"]
    schemathesis(server, tmp_path, "--seed", "1", JOB=job, LETTER=letter["job"])
