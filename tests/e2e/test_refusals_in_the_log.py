"""Whoever is refused at the port is told of in the log, once in a while, with the limit and the remedy."""

import socket

import pytest
from websockets.exceptions import InvalidHandshake

from harness import Client
from harness.api import Api
from harness.certificates import Authority
from harness.tls_server import TlsServer


def warned(server, what):
    return server.process.line(lambda line: "WARN" in line and what in line, of="stderr")


@pytest.mark.not_at_door("owner and door both say so, and it is counted how often")
def test_a_server_that_is_full_says_so(new_server, make):
    server = new_server("--sessions", "1")
    make(Client(server))
    for _ in range(3):
        with pytest.raises(InvalidHandshake):
            Client(server)
    Api(server).submit("1").refused(503, "queue_full")
    line = warned(server, "sessions are open, the limit")
    assert "--sessions" in line and "127.0.0.1" in line
    log = [line for line in server.process.log().splitlines() if "sessions are open, the limit" in line]
    assert len(log) == 1, "once a minute"


def test_an_address_with_too_many_connections_is_told_of(new_server, make):
    server = new_server("--address-connections", "1")
    make(Client(server))
    with pytest.raises(InvalidHandshake):
        Client(server)
    assert "--address-connections" in warned(server, "its address has 1, the limit")


def test_whoever_does_not_speak_tls_is_told_of(tmp_path):
    authority = Authority()
    for name, text in zip(("cert.pem", "key.pem"), authority.issue(), strict=True):
        (tmp_path / name).write_bytes(text)
        (tmp_path / name).chmod(0o600)
    server = TlsServer(authority, "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    with socket.create_connection(server.address("http"), 30) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.recv(100)
    assert "https://" in warned(server, "no TLS handshake")
    server.check()


@pytest.mark.parametrize("mode, is_told", [(0o600, False), (0o640, False), (0o644, True), (0o666, True)])
def test_a_secret_that_others_can_read_is_told_of(new_server, tmp_path, mode, is_told):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef")
    token.chmod(mode)
    server = new_server("--admin-token-file", token)
    if is_told:
        assert "chmod 0600" in warned(server, f"its mode is {mode:04o}")
    assert ("a file with a secret" in server.process.log()) == is_told
