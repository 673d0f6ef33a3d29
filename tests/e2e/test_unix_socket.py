"""Clients by a unix socket: all that the port of clients has, for programs of the same machine."""

import contextlib
import http.client
import json
import os
import socket
import stat
import subprocess
import tempfile

import pytest

from harness import Client, Server, Serving, run_acequia
from harness.certificates import Authority
from harness.server import FREE, refused_to_serve
from harness.tls_server import TlsServer

REFUSED = "acequia_http_refused_total"
ME = f"unix:user={os.getuid()}"


@pytest.fixture
def path():
    # Paths of sockets are short, and those that pytest makes are not.
    with tempfile.TemporaryDirectory(prefix="acequia-") as folder:
        yield f"{folder}/http.sock"


@pytest.fixture
def server(new_server, path):
    return new_server("--listen", f"unix:{path}")


def curl(path, url, *args, stdin=b""):
    """Status and body."""
    command = ["curl", "-sS", "--unix-socket", path, "-w", "\n%{http_code}", *args, f"http://localhost{url}"]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=True)
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


def dialled(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(30)
    try:
        stream.connect(path)
    except OSError:
        stream.close()
        raise
    return stream


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self):
        self.sock = dialled(self._path)


def told(server, *words, peer):
    """Waits for a warning about this peer."""
    return server.process.line(
        lambda line: "WARN" in line and f"peer={peer}" in line.split() and all(word in line for word in words),
        of="stderr")


def mode(path):
    found = os.lstat(path)
    assert stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()
    return stat.S_IMODE(found.st_mode)


def test_jobs_sessions_and_pages(server, path, make):
    assert f"unix={path}" in server.process.stdout[0].split()
    assert mode(path) == 0o600
    make(Serving(server, lambda job: job.body.upper()))
    job = ["-H", "Prefer: wait=30", "-H", "Content-Type: text/plain", "--data-binary", "@-"]
    assert curl(path, "/v1/queues/default/jobs", *job, stdin=b"hello") == (200, b"HELLO")
    session = make(Client(server, sock=dialled(path)))
    assert session.result(session.submit("over a socket")) == "OVER A SOCKET"
    session.send({"op": "subscribe", "topic": "t"})
    session.barrier()
    assert curl(path, "/v1/topics/t", "-d", "x")[0] == 200
    assert session.heard("message")
    for page in ("/", "/healthz", "/readyz", "/metrics", "/dashboard", "/client/index.js", "/v1/openapi.json"):
        assert curl(path, page)[0] == 200, page
    # By TCP there is the same.
    by_tcp = make(Client(server))
    assert by_tcp.result(by_tcp.submit("by TCP")) == "BY TCP"


def test_operators_need_their_token(server, path):
    assert curl(path, "/v1/admin/queues")[0] == 401
    assert told(server, "admin token", peer=ME)
    assert curl(path, "/v1/admin/queues", "-H", f"Authorization: Bearer {server.admin_token()}")[0] == 200


def test_operators_have_a_port_of_their_own(new_server, path):
    server = new_server("--listen", f"unix:{path}", "--admin-listen", "127.0.0.1:0")
    assert server.admin
    status, _ = curl(path, "/v1/admin/queues", "-H", f"Authorization: Bearer {server.admin_token()}")
    assert status == 404
    assert curl(path, "/healthz")[0] == 200


def test_it_goes_with_a_server_that_stops(path):
    server = Server("--listen", f"unix:{path}")
    assert os.path.exists(path)
    assert server.stop() == 0
    assert os.listdir(os.path.dirname(path)) == []


def test_what_a_killed_server_left_is_replaced(server, path):
    server.kill()
    assert os.path.exists(path)
    with pytest.raises(ConnectionRefusedError):
        dialled(path)
    server.start_again()
    assert curl(path, "/healthz")[0] == 200


def test_one_of_a_server_that_lives_is_its_own(server, path):
    said = refused_to_serve(*FREE, "--listen", f"unix:{path}")
    assert "--listen" in said and path in said and "another process listens" in said, said
    assert curl(path, "/healthz")[0] == 200


def test_a_server_that_does_not_start_leaves_nothing(server, path):
    other = f"{path}.other"
    said = refused_to_serve(*FREE[:2], "--listen", f"unix:{other}", *FREE[4:], "--jobs", server.jobs)
    assert server.jobs in said
    assert not os.path.exists(other)


def test_no_other_file_is_touched(path):
    with open(path, "w") as file:
        file.write("precious")
    said = refused_to_serve(*FREE, "--listen", f"unix:{path}")
    assert path in said and "not a socket" in said, said
    with open(path) as file:
        assert file.read() == "precious"
    os.rename(path, f"{path}.kept")
    os.symlink(f"{path}.kept", path)
    refused_to_serve(*FREE, "--listen", f"unix:{path}")
    assert os.path.islink(path) and os.path.getsize(path) == len("precious")
    os.remove(path)
    os.mkdir(path)
    refused_to_serve(*FREE, "--listen", f"unix:{path}")
    assert os.path.isdir(path)


@pytest.mark.parametrize(("listen", "words"), [
    ("unix:", ["no path", "unix:/run"]),
    ("unix:@acequia", ["abstract"]),
    ("unix:/no/such/folder/sock", ["/no/such/folder/sock", "folder"]),
    (f"unix:/tmp/{'x' * 103}", ["108 bytes", "107"]),
    ("127.0.0.1:0", ["2 addresses", "unix:PATH"]),
])
def test_what_is_no_socket_is_refused(listen, words):
    said = refused_to_serve(*FREE, "--listen", listen)
    assert "--listen" in said and all(word in said for word in words), said


def test_the_longest_path(new_server, path):
    longest = path + "x" * (107 - len(path))
    new_server("--listen", f"unix:{longest}")
    assert curl(longest, "/healthz")[0] == 200


def test_there_is_an_address_too(path):
    said = refused_to_serve("--listen", f"unix:{path}", *FREE[2:])
    assert "--listen" in said and "HOST:PORT" in said, said
    assert not os.path.exists(path)


@pytest.mark.parametrize(("access", "bits"), [("owner", 0o600), ("group", 0o660), ("all", 0o666)])
def test_who_may_connect(new_server, path, access, bits):
    before = os.umask(0o077)
    try:
        new_server("--listen", f"unix:{path}", "--listen-access", access)
    finally:
        os.umask(before)
    assert mode(path) == bits


def test_proxies_that_cannot_be_told_from_others(new_server, path):
    everybody = ["--listen", f"unix:{path}", "--listen-access", "all", "--trusted-proxy", "unix"]
    said = refused_to_serve(*FREE, *everybody, "--proxy-protocol")
    assert "--trusted-proxy with the proxy's address" in said, said
    server = new_server(*everybody)
    server.process.line(lambda line: "WARN" in line and "--listen-access all" in line, of="stderr")


def test_several_by_a_list_of_the_file(new_server, path, tmp_path):
    two = [path, f"{path}.2"]
    listen = json.dumps(["127.0.0.1:0", *(f"unix:{one}" for one in two)])
    (tmp_path / "acequia.toml").write_text(f"[serve]\nlisten = {listen}\nlisten_access = 'group'\n")
    code, out, said = run_acequia("config", "serve", cwd=tmp_path)
    assert code == 0 and listen.replace('","', '", "').encode() in out, (out, said)
    # One that is typed rules the list out, as with any flag.
    new_server("--listen", f"unix:{path}", cwd=tmp_path)
    assert mode(path) == 0o660 and not os.path.exists(two[1])
    env = {"ACEQUIA_LISTEN": ",".join(["127.0.0.1:0", f"unix:{two[1]}", f"unix:{path}.3"])}
    code, out, said = run_acequia("config", "serve", env=env, cwd=tmp_path)
    assert code == 0 and f"unix:{path}.3".encode() in out, (out, said)


def test_one_address_of_the_file_needs_no_list(tmp_path):
    (tmp_path / "acequia.toml").write_text("[serve]\nlisten = '127.0.0.1:0'\n")
    code, out, said = run_acequia("config", "serve", cwd=tmp_path)
    assert code == 0 and b'listen = ["127.0.0.1:0"]' in out, (out, said)


def test_connections_are_not_those_of_one_address(new_server, path, make):
    server = new_server("--listen", f"unix:{path}", "--address-connections", "2")
    sessions = [make(Client(server, sock=dialled(path))) for _ in range(4)]
    by_tcp = make(Client(server))
    for session in [*sessions, by_tcp]:
        session.barrier()
    for session in [*sessions, by_tcp]:
        session.close()


def request(path, headers, url="/v1/admin/queues"):
    with contextlib.closing(Connection(path)) as connection:
        connection.request("GET", url, headers=headers)
        return connection.getresponse().status


def test_what_is_said_of_others_counts_if_sockets_are_trusted(new_server, path):
    said = {"X-Forwarded-For": "192.0.2.7"}
    server = new_server("--listen", f"unix:{path}", "--trusted-proxy", "127.0.0.0/8")
    assert request(path, said) == 401
    told(server, "admin token", peer=ME)
    other = f"{path}.2"
    server = new_server("--listen", f"unix:{other}", "--trusted-proxy", "unix", "--address-connections", "2")
    assert request(other, said) == 401
    told(server, "admin token", peer="192.0.2.7")
    with contextlib.ExitStack() as stack:
        one, two, three = (stack.enter_context(contextlib.closing(Connection(other))) for _ in range(3))
        # Of a client that it names, each request counts until it is answered.
        token = {"Authorization": f"Bearer {server.admin_token()}"}
        for stream in (one, two):
            stream.request("GET", "/v1/admin/live", headers={**said, **token})
            assert stream.getresponse().status == 200
        three.request("GET", "/healthz", headers=said)
        assert three.getresponse().status == 429
    assert server.metric(REFUSED, reason="address") == 1


def test_a_page_of_a_name_that_points_here_is_one_of_elsewhere(server, path):
    def page(origin, host):
        return request(path, {"Origin": origin, "Host": host}, "/v1/jobs/x")

    assert page("http://evil.example:8080", "evil.example:8080") == 403
    told(server, "--own-name", peer=ME)
    assert page("http://localhost:8080", "localhost:8080") != 403
    assert page("https://app.example", "app.example") != 403, "a proxy has it by TLS"


def test_neither_tls_nor_a_header_of_a_proxy_is_wanted(path, tmp_path):
    authority = Authority()
    for name, pem in zip(("cert", "key"), authority.issue(), strict=True):
        (tmp_path / name).write_bytes(pem)
    server = TlsServer(authority, "--tls-cert", tmp_path / "cert", "--tls-key", tmp_path / "key",
                       "--trusted-proxy", "unix", "--trusted-proxy", "127.0.0.9", "--proxy-protocol",
                       "--listen", f"unix:{path}")
    assert curl(path, "/healthz")[0] == 200
    with Client(server, uri="ws://localhost/v1/ws", sock=dialled(path)) as session:
        session.barrier()
    server.check()


def test_who_says_nothing_is_hung_up_on(new_server, path):
    new_server("--listen", f"unix:{path}", "--handshake-s", "1")
    with dialled(path) as silent:
        assert silent.recv(1) == b""
