"""Which pages a browser may open sessions for, and what every answer tells a browser."""

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


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1", "http://localhost.evil.example"])
def test_a_page_of_elsewhere_is_refused(server, origin):
    said = refused(server, origin)
    assert origin in said and "--allow-origin" in said
    assert server.metric("acequia_http_refused_total", reason="origin") == 1
    assert server.metric("acequia_sessions") == 0


def test_a_foreign_name_that_points_here_is_refused(server):
    host = f"evil.example:{server.address('http')[1]}"
    status, _, said = server.get("/v1/ws", {"Host": host, "Origin": f"http://{host}"})
    assert status == 403 and "localhost" in said and "--allow-origin" in said, said


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
