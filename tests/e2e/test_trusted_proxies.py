"""Whom the server takes a client for behind a proxy: what is believed, of whom, and what is not."""

import contextlib
import http.client
import socket
import struct

import pytest

from harness import Client, eventually, run_acequia
from harness.server import starts_not

# All of these are this machine: the proxy dials from one, a stranger from another.
PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
REFUSED = "acequia_http_refused_total"
FOREIGN = {"Origin": "https://evil.example", "Connection": "Upgrade", "Upgrade": "websocket",
           "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def v1(client):
    return f"PROXY TCP4 {client} 127.0.0.1 4711 443\r\n".encode()


def v2(client, command=0x21):
    addresses = socket.inet_aton(client) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 4711, 443)
    return V2 + bytes([command, 0x11]) + struct.pack(">H", len(addresses)) + addresses


@contextlib.contextmanager
def dialled(server, source, first=b""):
    """A connection from this address that begins with these bytes, for requests."""
    connection = http.client.HTTPConnection(*server.address("http"), timeout=30, source_address=(source, 0))
    connection.connect()
    connection.sock.sendall(first)
    try:
        yield connection
    finally:
        connection.close()


def ask(server, source, path, headers, first=b""):
    with dialled(server, source, first) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


def told(server, *words, peer):
    """Waits for a warning about somebody at this address."""
    return server.process.line(
        lambda line: "WARN" in line and f"peer={peer}" in line.split() and all(word in line for word in words),
        of="stderr")


def behind(new_server, *flags):
    return new_server("--trusted-proxy", PROXY, *flags)


@pytest.mark.parametrize(("headers", "client"), [
    ({"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7"),
    ({"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}, "192.0.2.7"),
    ({"X-Forwarded-For": f"127.0.0.1, 192.0.2.7:4711, {PROXY}"}, "192.0.2.7"),
    ({"Forwarded": 'for=127.0.0.1, for="[2001:db8::7]:4711";proto=https'}, "2001:db8::7"),
    ({"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.8"}, "192.0.2.7"),
    ({"X-Forwarded-For": "192.0.2.7, unknown"}, PROXY),
    ({}, PROXY),
])
def test_a_trusted_proxy_names_the_client(new_server, headers, client):
    server = behind(new_server)
    assert ask(server, PROXY, "/v1/ws", {**FOREIGN, **headers}) == 403
    told(server, "refused", peer=client)


def test_of_others_the_header_is_not_looked_at(new_server):
    server = behind(new_server)
    for header in ({"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}):
        assert ask(server, STRANGER, "/v1/ws", {**FOREIGN, **header}) == 403
    told(server, peer=STRANGER)
    assert "192.0.2.7" not in server.process.log()


@pytest.mark.parametrize("flags", [[], ["--trusted-proxy", PROXY], ["--trusted-proxy", "127.0.0.0/8"]])
@pytest.mark.parametrize("source", [PROXY, STRANGER])
def test_nobody_is_an_operator_for_where_he_says_that_he_is(new_server, flags, source):
    server = new_server(*flags)
    for forged in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"},
                   {"X-Forwarded-For": "::1"}, {"X-Forwarded-For": f"127.0.0.1, {PROXY}"}):
        for path in ("/v1/admin/queues", "/v1/admin/live?ticks=0", "/v1/admin/jobs"):
            assert ask(server, source, path, {**forged, "Host": "127.0.0.1"}) == 401, (forged, path)
            assert ask(server, source, path, {**forged, "Authorization": "Bearer wrong"}) == 401
    assert server.metric(REFUSED, reason="admin_token") == 30
    assert ask(server, source, "/v1/admin/queues", server.operator()) == 200, "the token alone counts"


@pytest.mark.parametrize("client", ["127.0.0.1", "192.168.1.7"])
def test_a_client_near_the_server_is_near_it_also_behind_a_proxy(new_server, client):
    """A name that was made to point here is found out by the client's address, not by the proxy's."""
    server = behind(new_server, "--proxy-protocol", "--admin-listen", "127.0.0.1:0")
    rebound = {**FOREIGN, "Origin": "http://evil.example:8080", "Host": "evil.example:8080"}
    assert ask(server, PROXY, "/v1/ws", rebound, v2(client)) == 403
    told(server, "--own-name evil.example", peer=client)
    assert ask(server, PROXY, "/v1/ws", rebound, v2("192.0.2.7")) == 101


def test_what_a_proxy_passes_on_is_counted_for_its_clients(new_server, make):
    server = behind(new_server, "--address-connections", "2")
    session = lambda client: make(Client(server, headers={"X-Forwarded-For": client},
                                         sock=socket.create_connection(server.address("http"), 30, (PROXY, 0))))
    one, two = session("192.0.2.7"), session("192.0.2.7")
    named = {"X-Forwarded-For": "192.0.2.7"}
    with dialled(server, PROXY) as connection:
        for headers, status in [(named, 429), ({"X-Forwarded-For": "192.0.2.8"}, 200), ({}, 200), (named, 429)]:
            connection.request("GET", "/healthz", headers=headers)
            response = connection.getresponse()
            assert response.status == status, headers
            assert (response.headers["retry-after"] == "5") == (status == 429)
            assert (b"as many connections as it may" in response.read()) == (status == 429)
        assert server.metric(REFUSED, reason="address") == 2
        one.close()
        eventually(lambda: ask(server, PROXY, "/healthz", named) == 200, "the place of the session")
    # Those of the proxy itself are not so few.
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(dialled(server, PROXY)) for _ in range(10)]
        for connection in many:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
    two.barrier()


def test_a_stream_takes_its_clients_place_until_it_ends(new_server):
    server = behind(new_server, "--address-connections", "1")
    named = {"X-Forwarded-For": "192.0.2.7"}
    with dialled(server, PROXY) as connection:
        connection.request("GET", "/v1/admin/live", headers={**named, **server.operator()})
        response = connection.getresponse()
        assert response.status == 200 and response.readline().startswith(b"event: ")
        assert ask(server, PROXY, "/healthz", named) == 429
    eventually(lambda: ask(server, PROXY, "/healthz", named) == 200, "the place of the stream")


@pytest.mark.parametrize("header", [v1, v2])
def test_the_proxy_protocol_names_the_client(new_server, make, header):
    server = behind(new_server, "--proxy-protocol", "--address-connections", "1")
    assert ask(server, PROXY, "/v1/ws", FOREIGN, header("192.0.2.7")) == 403
    told(server, peer="192.0.2.7")
    # It is no proxy itself, so what it says of others is not believed.
    assert ask(server, PROXY, "/v1/admin/jobs", {"X-Forwarded-For": "127.0.0.1"}, header("192.0.2.8")) == 401
    told(server, "admin", peer="192.0.2.8")
    with dialled(server, PROXY, header("192.0.2.9")) as connection:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        assert ask(server, PROXY, "/healthz", {}, header("192.0.2.9")) == 429
        assert ask(server, PROXY, "/healthz", {}, header("192.0.2.10")) == 200
    eventually(lambda: ask(server, PROXY, "/healthz", {}, header("192.0.2.9")) == 200, "its place")


def test_a_proxy_speaks_for_itself(new_server):
    server = behind(new_server, "--proxy-protocol")
    for local in (b"PROXY UNKNOWN\r\n", v2("192.0.2.7", command=0x20), V2 + b"\x20\0\0\0"):
        assert ask(server, PROXY, "/v1/ws", FOREIGN, local) == 403
        # Nor does it say so of somebody: then it is as if there were no PROXY protocol.
        assert ask(server, PROXY, "/v1/ws", {**FOREIGN, "X-Forwarded-For": "192.0.2.9"}, local) == 403
    told(server, peer=PROXY)
    told(server, peer="192.0.2.9")


def closes(connection):
    """Whether the server ends a connection without an answer."""
    try:
        return connection.sock.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("first", [
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PROXY TCP4 nobody 127.0.0.1 1 2\r\n", b"PROXY TCP4 " + b"1" * 200, V2 + b"\x31\x11\x00\x00",
    V2 + b"\x21\x00\xff\xff" + bytes(5000),
])
def test_a_proxy_without_the_header_is_refused_and_told_of_once(new_server, first):
    server = behind(new_server, "--proxy-protocol")
    for _ in range(5):
        with dialled(server, PROXY, first) as connection:
            assert closes(connection)
    server.wait_metric(REFUSED, 5, reason="proxy_header")
    line = told(server, "PROXY protocol", "send-proxy-v2", "--proxy-protocol", peer=PROXY)
    assert [each for each in server.process.stderr if "WARN" in each] == [line]


def test_the_header_has_to_come_in_time(new_server):
    server = behind(new_server, "--proxy-protocol", "--handshake-s", "1")
    with dialled(server, PROXY, b"PROXY TCP4 192.") as connection:
        assert closes(connection)
    told(server, "--handshake-s", peer=PROXY)
    server.wait_metric(REFUSED, 1, reason="proxy_header")


def test_who_looks_whether_the_port_is_open_is_not_told_of(new_server):
    server = behind(new_server, "--proxy-protocol")
    for _ in range(20):
        with dialled(server, PROXY) as connection:
            connection.sock.shutdown(socket.SHUT_WR)
            assert closes(connection)
    assert "WARN" not in server.process.log() and not server.metric(REFUSED, reason="proxy_header")


@pytest.mark.parametrize("header", [v1, v2])
@pytest.mark.parametrize("flags", [[], ["--proxy-protocol"]])
def test_of_others_the_header_is_no_http(new_server, header, flags):
    server = behind(new_server, *flags)
    with dialled(server, STRANGER, header("127.0.0.1")) as connection:
        connection.sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.sock.recv(1 << 16).split()[1:2] in ([], [b"400"])
    assert ask(server, STRANGER, "/healthz", {}) == 200


def test_the_port_of_operators_is_without_it(new_server):
    server = new_server("--trusted-proxy", PROXY, "--proxy-protocol", "--admin-listen", "127.0.0.1:0")
    server.http = server.admin
    assert ask(server, PROXY, "/healthz", {}) == 200
    assert ask(server, PROXY, "/v1/admin/jobs", {"X-Forwarded-For": "192.0.2.7"}) == 401
    told(server, "admin", peer="192.0.2.7")


@pytest.mark.parametrize(("flags", "words"), [
    (["--trusted-proxy", "proxy.example"], ["proxy.example", "10.1.2.0/24"]),
    (["--trusted-proxy", "10.1.2.3/8"], ["10.1.2.3 for the proxy alone", "10.0.0.0/8"]),
    (["--proxy-protocol"], ["--proxy-protocol", "--trusted-proxy"]),
])
def test_what_is_set_wrongly_is_told(flags, words):
    said = starts_not(*flags)
    assert all(word in said for word in words), said


def test_the_keys_of_the_file(tmp_path):
    (tmp_path / "acequia.toml").write_text(
        '[serve]\ntrusted_proxy = ["10.0.0.0/8", "::1"]\nproxy_protocol = true\n')
    code, out, said = run_acequia("config", "serve", cwd=tmp_path)
    assert code == 0, said
    assert 'trusted_proxy = ["10.0.0.0/8", "::1"]' in out.decode() and "proxy_protocol = true" in out.decode()
