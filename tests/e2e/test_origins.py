"""Which pages a browser may open sessions for, and what every answer tells a browser."""

import socket

import pytest
from websockets.exceptions import InvalidStatus

from harness import Client, run_acequia

EVIL = "https://evil.example"


def refused(server, origin):
    """The text with which a page of `origin` is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        Client(server, origin=origin)
    response = refusal.value.response
    assert response.status_code == 403, response
    return response.body.decode()


def test_the_servers_own_page_and_programs_are_let_in(server, make):
    port = server.http.rpartition(":")[2]
    for origin in (f"http://{server.http}", f"https://{server.http}", None):
        make(Client(server, origin=origin)).barrier()
    local = make(Client(server, origin=f"http://localhost:{port}", uri=f"ws://localhost:{port}/v1/ws"))
    local.barrier()
    assert server.total("acequia_http_refused_total") == 0


def warned(server, *parts):
    """The line of the log that has all of these."""
    return server.process.line(lambda line: "WARN" in line and all(part in line for part in parts), of="stderr")


@pytest.mark.parametrize("origin", [EVIL, "http://127.0.0.1:1", "http://localhost.evil.example"])
def test_a_page_of_elsewhere_is_refused(server, origin):
    said = refused(server, origin)
    assert f'"{origin}"' in said and f'Host is "{server.http}"' in said
    assert f"--allow-origin {origin}" in said and "$http_host" in said
    assert server.metric("acequia_http_refused_total", reason="origin") == 1
    assert server.metric("acequia_sessions") == 0
    warned(server, origin, "Host is", "127.0.0.1")


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_a_page_without_an_address_is_refused(server, origin):
    said = refused(server, origin)
    assert origin in said and "--allow-origin" in said and "dangerous" in said


def test_pages_without_host_are_refused(server):
    with socket.create_connection(server.address("http")) as raw:
        raw.sendall(f"GET /v1/ws HTTP/1.0\r\nOrigin: {EVIL}\r\n\r\n".encode())
        said = raw.makefile().read()
    assert "403" in said and "no Host header" in said


def test_the_log_says_seldom_what_comes_often(server):
    for _ in range(50):
        refused(server, EVIL)
    assert server.metric("acequia_http_refused_total", reason="origin") == 50
    warned(server, EVIL)
    assert sum("evil.example" in line for line in server.process.stderr) == 1


def rebound(server, name="evil.example"):
    """Status and text for a page whose name was made to point here."""
    host = f"{name}:{server.address('http')[1]}"
    status, _, said = server.get("/v1/ws", {"Host": host, "Origin": f"http://{host}"})
    return status, said


def test_a_foreign_name_that_points_here_is_refused(server, new_server):
    status, said = rebound(server)
    assert status == 403 and "--own-name evil.example" in said and "--allow-origin http://evil.example" in said
    # 400: it is let in, and is no WebSocket.
    for name in ("localhost", "127.0.0.1", "app.localhost", "192.168.7.7"):
        assert rebound(server, name)[0] == 400, name
    named = new_server("--own-name", "jobs.lan")
    assert rebound(named, "Jobs.LAN")[0] == 400
    assert rebound(named)[0] == 403
    several = new_server(env={"ACEQUIA_OWN_NAME": "jobs.lan,jobs.example"})
    assert rebound(several, "jobs.example")[0] == rebound(several, "jobs.lan")[0] == 400


@pytest.mark.parametrize("host, origin, header", [
    ("app.example", "https://app.example", None),
    ("app.example:8443", "https://app.example:8443", None),
    ("app.example", "http://app.example", None),
    ("app.example", "https://app.example", "X-Forwarded-For"),
    ("app.example:8000", "http://app.example:8000", "X-Forwarded-For"),
    ("localhost:5173", "http://localhost:5173", None),
])
def test_proxies_pass_on_the_servers_own_page(server, host, origin, header):
    headers = {"Host": host, "Origin": origin, **({header: "192.0.2.7"} if header else {})}
    assert server.get("/v1/ws", headers)[0] == 400


@pytest.mark.parametrize("name", ["https://jobs.lan", "jobs.lan:80", "a/b", "*.lan"])
def test_what_is_no_name(name):
    code, _, said = run_acequia("serve", "--own-name", name)
    assert code != 0 and "--own-name" in said and "such as jobs.example" in said, said


def test_unknown_subprotocols_are_told(server, make):
    client = make(Client(server, subprotocols=["graphql-ws", "acequia.v9.json"]))
    client.barrier()
    warned(server, "graphql-ws", "acequia.v9.json", "acequia.v1.json", "127.0.0.1")
    assert server.metric("acequia_http_refused_total", reason="subprotocol") == 1
    make(Client(server, subprotocols=["graphql-ws", "acequia.v1.json"])).barrier()
    make(Client(server, subprotocols=[])).barrier()
    assert server.metric("acequia_http_refused_total", reason="subprotocol") == 1


@pytest.mark.parametrize("allowed, origin", [
    ("https://app.example/", "https://app.example"), ("https://*.app.example", "https://one.app.example"),
    ("null", "null"), ("file://", "file://"), ("capacitor://localhost", "capacitor://localhost"),
    ("app://.", "app://."),
])
def test_all_kinds_of_origins_can_be_allowed(new_server, make, allowed, origin):
    server = new_server("--allow-origin", allowed)
    make(Client(server, origin=origin)).barrier()
    refused(server, EVIL)


def test_origins_that_an_operator_allows(new_server, make):
    for server in (
        new_server("--allow-origin", "https://app.example", "--allow-origin", "http://localhost:3000"),
        new_server(env={"ACEQUIA_ALLOW_ORIGIN": "https://app.example,http://localhost:3000"}),
    ):
        for origin in ("https://app.example", "http://localhost:3000", f"http://{server.http}"):
            make(Client(server, origin=origin)).barrier()
        refused(server, EVIL)


def test_any_origin(new_server, make):
    server = new_server("--allow-origin", "*")
    make(Client(server, origin=EVIL)).barrier()
    server.process.line(lambda line: "--allow-origin *" in line and "any page" in line, of="stderr")


def test_what_is_no_origin():
    code, _, said = run_acequia("serve", "--allow-origin", "app.example")
    assert code != 0 and "--allow-origin" in said and "app.example" in said and "https://" in said, said


@pytest.mark.parametrize("path", ["/", "/assets/app.js", "/client/index.js", "/metrics", "/healthz",
                                  "/readyz", "/v1/ws", "/v1/admin/none", "/none"])
def test_every_answer_keeps_other_pages_out(server, path):
    _, headers, _ = server.get(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert len(headers.get_all("content-security-policy")) == 1
