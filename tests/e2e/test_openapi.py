"""The documents of the calls are what the server does: Schemathesis makes calls from them, good and bad."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Admin
from harness.api import Api
from harness.server import ROOT

HERE = Path(__file__).parent
# Those of the manual, which lists what the document has.
OPERATIONS = sorted(
    set(re.findall(r"`(GET|PUT|POST|DELETE) /v1/admin(/[^`?]*)", (ROOT / "docs/admin.md").read_text()))
)
METHODS = {"get", "put", "post", "delete"}
TOKEN = "0123456789abcdef0123456789abcdef"


def schemathesis(server, folder, *flags, document="/v1/admin/openapi.json", **env):
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run",
         f"http://{server.http}{document}", "--no-color", "--max-examples", "25",
         *(part for pair in server.operator().items() for part in ("--header", ": ".join(pair))), *flags],
        # It keeps what it has seen where it runs.
        cwd=folder, env={**os.environ, **env}, capture_output=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def example(path):
    return f"/v1/admin{re.sub(r'{[a-z]+}', '1', path)}"


def methods_of(item):
    return {method.upper() for method in METHODS & item.keys()}


def test_it_is_served_as_json(server):
    status, headers, text = server.request("GET", "/v1/admin/openapi.json", server.operator())
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(text)["openapi"].startswith("3.1.")


def test_it_lists_the_calls_that_there_are(server, admin):
    for path, item in admin.get("openapi.json")["paths"].items():
        status, headers, _ = server.request("PATCH", example(path), server.operator())
        assert status == 405, path
        assert set(headers["Allow"].split(",")) - {"HEAD"} == methods_of(item), path


def test_no_call_goes_without_a_description():
    # A route that is added by other means than `routes!` is not in the document.
    for file in (ROOT / "src/http/admin.rs", *(ROOT / "src/http/admin").rglob("*.rs")):
        assert not re.search(r"\.(route|route_service|nest|nest_service)\(", file.read_text()), file


def test_the_manual_lists_them_too(admin):
    paths = admin.get("openapi.json")["paths"]
    told = {(method, path) for path, item in paths.items() for method in methods_of(item)}
    assert told == set(OPERATIONS)


def test_each_call_says_what_it_is_for_and_how_it_is_refused(admin):
    for path, item in admin.get("openapi.json")["paths"].items():
        for operation in (item[method.lower()] for method in methods_of(item)):
            assert operation["summary"] and operation["operationId"], path
            assert {"200", "400", "401", "503"} <= operation["responses"].keys(), path


@pytest.mark.parametrize("method, path", OPERATIONS)
def test_each_call_wants_the_token(new_server, tmp_path, method, path):
    (tmp_path / "token").write_text(TOKEN)
    server = new_server("--admin-token-file", tmp_path / "token")
    url = example(path)
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


def client_paths(server):
    status, headers, text = server.get("/v1/openapi.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    return json.loads(text)["paths"]


def test_calls_of_clients_are_listed_and_need_no_admin_token(server):
    for path, item in client_paths(server).items():
        status, headers, _ = server.request("PATCH", f"/v1{re.sub(r'{[a-z]+}', '1', path)}")
        assert status == 405, path
        assert set(headers["Allow"].split(",")) - {"HEAD"} == methods_of(item), path
        for operation in (item[method.lower()] for method in methods_of(item)):
            assert operation["summary"] and operation["operationId"], path


def test_the_manual_lists_the_calls_of_clients(server):
    told = {(method, path) for path, item in client_paths(server).items() for method in methods_of(item)}
    manual = (ROOT / "docs/http-api.md").read_text()
    assert told == set(re.findall(r"`(GET|POST|DELETE) /v1(/[^`?]*)", manual))


def test_good_and_bad_calls_of_clients_are_answered_as_it_says(server, new_serving, tmp_path):
    new_serving()
    job = Api(server).submit("1").json["job"]
    schemathesis(server, tmp_path, "--seed", "1", document="/v1/openapi.json", JOB=job, LETTER=job)
