"""Admin calls that name the admin token may come from anywhere, and no others from nowhere."""

import json
import socket

import pytest

from harness import Admin, Client, run_acequia

TOKEN = "0123456789abcdef0123456789abcdef"
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"
CALLS = [("GET", f"jobs/{UNKNOWN}"), ("GET", "dead-letters"), ("GET", f"dead-letters/{UNKNOWN}"),
         ("POST", f"dead-letters/{UNKNOWN}/redrive"), ("POST", "dead-letters/redrive"),
         ("DELETE", f"dead-letters/{UNKNOWN}"), ("DELETE", "dead-letters"), ("GET", "nothing")]


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def server(new_server, token_file):
    return new_server("--admin-token-file", token_file)


def refused(server):
    return server.metric("acequia_http_refused_total", reason="admin_token")


@pytest.mark.parametrize("method, path", CALLS)
def test_each_call_asks_for_it(server, method, path):
    status, headers, text = server.request(method, f"/v1/admin/{path}")
    assert status == 401 and headers["www-authenticate"].startswith("Bearer ")
    assert headers["content-type"] == "application/json"
    said = json.loads(text)
    assert said["code"] == "unauthorized" and "Authorization: Bearer" in said["message"]
    assert refused(server) == 1
    status, _, _ = server.request(method, f"/v1/admin/{path}", {"Authorization": f"Bearer {TOKEN}"})
    assert status in (200, 404)
    assert refused(server) == 1


@pytest.mark.parametrize("value", [
    "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0",
    f"Bearer {TOKEN.upper()}", "Bearer " + "x" * 8000, f"Bearer {TOKEN}, Bearer {TOKEN}", "Bearer \xff",
])
def test_what_is_not_the_token(server, value):
    status, _, text = server.get("/v1/admin/dead-letters", {"Authorization": value})
    assert status == 401 and TOKEN not in text
    assert refused(server) == 1
    assert TOKEN not in server.process.log()


def test_the_calls_work(server, make):
    client, admin = make(Client(server)), make(Admin(server, TOKEN))
    job = client.heard("accepted", id=client.submit("text"))["job"]
    assert admin.job(job)["state"] == "waiting"
    assert refused(server) == 0


def test_from_elsewhere_by_a_proxy_under_any_name(new_server, token_file):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent; but the system chooses an address
        address = probe.getsockname()[0]
    assert not address.startswith("127."), "this machine has no address but the loopback"
    server = new_server("--admin-token-file", token_file, listen=f"{address}:0")
    headers = {"X-Forwarded-For": "192.0.2.7", "Host": "jobs.example"}
    assert server.get("/v1/admin/dead-letters", headers)[0] == 401
    headers["Authorization"] = f"Bearer {TOKEN}"
    assert server.get("/v1/admin/dead-letters", headers)[0] == 200


def test_other_doors_do_not_ask_for_it(server):
    for path in ("/", "/metrics", "/healthz", "/readyz"):
        assert server.get(path)[0] == 200


@pytest.mark.parametrize("content, why", [(None, "No such file"), ("hunter2", "7 bytes")])
def test_files_that_hold_no_token(tmp_path, content, why):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    code, _, said = run_acequia("serve", "--listen", "127.0.0.1:0", "--journal", "none",
                                "--admin-token-file", file)
    assert code == 1 and "--admin-token-file" in said and str(file) in said and why in said
    assert "hunter2" not in said
