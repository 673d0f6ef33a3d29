"""HTTP and WebSocket by TLS."""

import json
import signal
import socket
import ssl
import subprocess

import pytest

from harness import Process, Server, Serving, acequia, eventually, run_acequia
from harness.certificates import Authority
from harness.server import clean_env, starts_not
from harness.tls_server import TlsServer


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def files(tmp_path, authority):
    """Where certificate, key and authority lie."""
    class Files:
        cert, key, ca = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))

        def write(self, pair):
            for file, text in zip((self.cert, self.key), pair, strict=True):
                file.write_bytes(text)

        @property
        def flags(self):
            return ["--tls-cert", self.cert, "--tls-key", self.key]

    files = Files()
    files.ca.write_bytes(authority.pem)
    files.write(authority.issue())
    return files


@pytest.fixture
def server(authority, files, make):
    server = TlsServer(authority, *files.flags)
    yield server
    server.check()


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_jobs_by_tls(authority, files, make, kind):
    files.write(authority.issue(kind=kind))
    server = TlsServer(authority, *files.flags)
    make(Serving(server))
    assert server.result("text") == "text"
    large = "w" * 1_000_000
    assert server.result(large) == large
    assert server.get("/")[0] == 200
    server.check()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(server, version):
    server.context.minimum_version = server.context.maximum_version = version
    assert server.get("/healthz")[0] == 200


def test_openssl_is_content(server, files):
    """Another implementation's view: the chain and the name are as they should be."""
    said = subprocess.run(
        ["openssl", "s_client", "-connect", server.http, "-CAfile", files.ca, "-verify_return_error",
         "-verify_hostname", "localhost", "-alpn", "http/1.1"],
        input=b"GET /healthz HTTP/1.0\r\n\r\n", capture_output=True, timeout=60, check=False)
    assert b"Verify return code: 0 (ok)" in said.stdout, said
    assert b"ALPN protocol: http/1.1" in said.stdout


def test_without_tls_nothing_is_said(server):
    with socket.create_connection(server.address("http"), 30) as tcp:
        tcp.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        said = b""
        while more := tcp.recv(1000):
            said += more
    assert b"HTTP" not in said
    server.wait_metric("acequia_http_refused_total", 1, reason="tls")


def test_handshakes_that_do_not_get_on(server, make):
    """They hold up nobody, and are ended."""
    make(Serving(server))
    idle = [make(socket.create_connection(server.address("http"), 30)) for _ in range(200)]
    for nth, tcp in enumerate(idle):
        tcp.sendall(b"\x16\x03\x01"[: nth % 4])
    assert server.result("text") == "text"
    assert all(tcp.recv(1) == b"" for tcp in idle)
    server.wait_metric("acequia_http_refused_total", 200, reason="tls")
    assert server.result("text") == "text"


def test_a_new_certificate_is_taken_up(server, authority, files):
    before = server.serial()
    with server.client() as client:
        # A key that is not the certificate's: the old pair stays.
        pair, other = authority.issue(), authority.issue()
        files.write((pair[0], other[1]))
        server.process.line(lambda line: "not read again" in line, of="stderr")
        assert server.serial() == before
        files.write(pair)
        eventually(lambda: server.serial() != before, "the new certificate")
        # Who was there before goes on.
        client.send({"op": "hello"})
        assert client.wait(lambda events: events, "an answer")[0]["ev"] == "welcome"
    log = server.process.log()
    assert "PRIVATE KEY" not in log


def submit(server, *flags, **options):
    return run_acequia("submit", "--server", server.ws, "--json", "--quiet", *flags, stdin=b'"text"', **options)


def test_submit_by_tls(server, files, make):
    make(Serving(server))
    assert submit(server, "--ca-file", files.ca)[:2] == (0, b'"text"\n')
    assert submit(server, env={"ACEQUIA_CA_FILE": str(files.ca)})[0] == 0
    # The system knows nothing of this authority.
    code, out, said = submit(server, env={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"})
    assert code != 0 and not out and said.strip()


def test_submit_to_somebody_else(authority, files, tmp_path, make):
    """A certificate of another authority, for another host, or of the past."""
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(Authority("another").pem)
    server = TlsServer(authority, *files.flags)
    code, _, said = submit(server, "--ca-file", stranger)
    assert code != 0 and "--ca-file" in said
    for pair in (authority.issue(hosts=["jobs.example"], addresses=[]), authority.issue(days=-1)):
        files.write(pair)
        other = TlsServer(authority, *files.flags)
        code, _, said = submit(other, "--ca-file", files.ca)
        assert code != 0 and "no TLS" in said, said


@pytest.mark.parametrize("content", [None, "", "nonsense"])
def test_files_that_hold_no_authority(server, tmp_path, content):
    file = tmp_path / "authority"
    if content is not None:
        file.write_text(content)
    code, _, said = submit(server, "--ca-file", file)
    assert code != 0 and str(file) in said and "--ca-file" in said


def test_bench_by_tls(server, files, make):
    make(Serving(server, queues=["bench"], slots=64))
    code, out, said = run_acequia("bench", "--server", server.ws, "--ca-file", files.ca, "--seconds", "0.2",
                                  "--warmup-s", "0.1", "--connections", "2", "--json")
    assert code == 0, said
    assert json.loads(out)


def test_files_that_do_not_fit(authority, files, tmp_path):
    assert "--tls-key" in starts_not("--tls-cert", files.cert)
    assert "--tls-cert" in starts_not("--tls-key", files.key)
    missing = tmp_path / "missing.pem"
    assert str(missing) in starts_not("--tls-cert", missing, "--tls-key", files.key)
    assert str(missing) in starts_not("--tls-cert", files.cert, "--tls-key", missing)
    # The two mixed up.
    said = starts_not("--tls-cert", files.key, "--tls-key", files.cert)
    assert "CERTIFICATE" in said and str(files.key) in said
    said = starts_not("--tls-cert", files.cert, "--tls-key", files.cert)
    assert "PRIVATE KEY" in said and str(files.cert) in said
    secret = authority.issue()[1]
    files.key.write_bytes(secret)
    said = starts_not(*files.flags)
    assert str(files.cert) in said and str(files.key) in said
    assert secret.decode().splitlines()[1] not in said


def test_a_pool_and_those_of_the_server_itself(authority, files, tmp_path):
    """Theirs are admin calls: the one by TLS, the other without any connection."""
    worker = ["--", acequia(), "worker", "--", "cat"]
    server = TlsServer(authority, *files.flags, "--pool", f"own: 1..1 -- {acequia()} worker -- cat")
    server.wait_workers(1)
    command = [acequia(), "pool", "--server", f"https://{server.http}", "--min", "1", "--name", "other"]
    distrusting = Process([*command, *worker], name="distrusting", env=clean_env())
    distrusting.line(lambda line: "no TLS" in line or "no certificates" in line, of="stderr")
    pool = Process([*command, "--ca-file", files.ca, *worker], name="pool", env=clean_env())
    server.wait_workers(2)
    assert server.result("hello") == "hello"
    for process in (pool, distrusting, server.process):
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
