"""The configurations of docs/behind-a-proxy.md, each run by the program that it is for, in front of a real server."""

import json
import re
import socket
from types import SimpleNamespace

import pytest

from harness import Client, Process, Server, Serving, acequia, eventually, run_acequia
from harness.certificates import Authority
from harness.cluster import Member
from harness.cluster_proxy import Haproxy
from harness.documents import sample
from harness.open_member import OpenMember, token_in
from harness.raw_ws import PING, PONG, RawWebSocket
from harness.reverse_proxy import FOLDER, KINDS, NAME, Kind, ReverseProxy, replaced
from harness.server import ROOT, clean_env
from harness.tls_server import TlsServer

# Both are this machine: the files let operators in from the first.
OPERATOR, STRANGER = "127.0.0.1", "127.0.0.2"
DOCUMENT = ROOT / "docs/behind-a-proxy.md"
MIB = 1 << 20

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
every_http_kind = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.is_http], ids=lambda kind: kind.file)
every_kind_that_cuts = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if re.search(kind.idle, kind.text)], ids=lambda kind: kind.file)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """For the name in the files, as they want it: HAProxy has both in one."""
    folder, authority = tmp_path_factory.mktemp("certificates"), Authority()
    cert, key = authority.issue(hosts=(NAME,))
    (folder / "fullchain.pem").write_bytes(cert)
    (folder / "privkey.pem").write_bytes(key)
    (folder / "both.pem").write_bytes(cert + key)
    (folder / "authority.pem").write_bytes(authority.pem)
    return SimpleNamespace(folder=folder, authority=authority)


class Behind:
    """A server and a proxy in front of it."""

    def __init__(self, server, proxy, operator):
        self.server, self.proxy, self.operator = server, proxy, operator

    def client(self, source=STRANGER, **options):
        return Client(self.server, uri=self.proxy.ws, sock=self.proxy.tunnel(source), **options)

    def refused_log(self):
        return self.server.process.line(lambda line: "WARN" in line and "evil.example" in line, of="stderr")


@pytest.fixture
def behind(tmp_path, certificate):
    """Starts a server as the document says, and a proxy in front of it; the server has to be well in the end."""
    servers, proxies = [], []

    def start(kind, *flags, idle_s=None):
        flags = ["--trusted-proxy", "127.0.0.1", *flags]
        if kind.is_http:
            servers.append(Server(*flags))
        else:
            servers.append(TlsServer(
                certificate.authority, *flags, "--proxy-protocol", "--admin-listen", "127.0.0.1:0",
                "--tls-cert", certificate.folder / "fullchain.pem",
                "--tls-key", certificate.folder / "privkey.pem", asked="admin"))
        server = servers[-1]
        proxies.append(ReverseProxy(kind, server, tmp_path, certificate, idle_s=idle_s))
        return Behind(server, proxies[-1], server.operator())

    yield start
    for proxy in proxies:
        proxy.stop()
    for server in servers:
        server.check()


@every_kind
def test_the_document_has_the_file(kind):
    text = DOCUMENT.read_text()
    (shown,) = re.findall(rf"<!-- file: deploy/proxies/{re.escape(kind.file)} -->\n```\w*\n(.*?)```\n", text, re.DOTALL)
    assert shown == kind.text


def test_every_file_is_run():
    assert {file.name for file in FOLDER.iterdir()} == set(KINDS)


@every_kind
def test_the_page_is_below_the_path(behind, kind):
    behind = behind(kind)
    status, _, page = behind.proxy.ask(STRANGER, "GET", "/")
    assert status == 200 and b"<html" in page
    status, headers, _ = behind.proxy.ask(STRANGER, "GET", "/client/index.js")
    assert status == 200 and "javascript" in headers["content-type"]
    assert json.loads(behind.proxy.ask(STRANGER, "GET", "/v1/about")[2])


@every_http_kind
def test_the_path_without_its_slash_leads_there(behind, kind):
    status, headers, _ = behind(kind).proxy.ask(STRANGER, "GET", "")
    assert status == 308
    assert re.fullmatch(r"(https://[^/]+)?/acequia/", headers["location"])


@every_http_kind
def test_nothing_else_is_passed_on(behind, kind):
    proxy = behind(kind).proxy
    for path in ("/../healthz", "x/healthz", "/..%2fhealthz"):
        status, _, body = proxy.ask(STRANGER, "GET", path)
        # Of a page that is not there, Caddy has an empty one.
        assert (status, body) == (200, b"") or status in (308, 400, 403, 404, 503), (path, status, body)


@every_kind
def test_a_session_runs_jobs_also_of_one_mib(behind, kind, encoding):
    behind = behind(kind)
    with Serving(behind.server), \
            behind.client(encoding=encoding, origin=f"https://{behind.proxy.host}") as client:
        assert client.result(client.submit("text")) == "text"
        large = "x" * (MIB - 5)  # as much as its encodings add, at most
        assert client.result(client.submit(large)) == large


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.file != "Caddyfile"], ids=lambda kind: kind.file)
def test_the_commands_find_it(behind, kind, certificate):
    """By the address of this machine, where Caddy would want a name that leads nowhere."""
    behind = behind(kind)
    ca_file = certificate.folder / "authority.pem"
    with Serving(behind.server, queues=["demo"]):
        code, out, said = run_acequia(
            "submit", "--server", f"https://127.0.0.1:{behind.proxy.port}{kind.prefix}", "--ca-file", ca_file,
            "--queue", "demo", "-", stdin=b"hello")
    assert (code, out) == (0, b"hello"), said


@every_kind
def test_the_server_knows_the_client(behind, kind):
    behind = behind(kind)
    forged = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "Origin": "https://evil.example",
              "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert behind.proxy.status(STRANGER, "GET", "/v1/ws", headers=forged) == 403
    assert behind.refused_log().endswith(f"peer={STRANGER}")


@every_kind
def test_the_limit_of_an_address_is_that_of_the_client(behind, kind):
    behind = behind(kind, "--address-connections", "1")
    with behind.client() as client, behind.client("127.0.0.3") as other:
        client.barrier()
        other.barrier()
        if kind.is_http:
            assert behind.proxy.status(STRANGER, "GET", "/healthz") == 429
        else:
            with pytest.raises(OSError):
                behind.proxy.dial_tls(STRANGER)


@every_http_kind
def test_admin_calls_and_metrics_are_closed(behind, kind):
    behind = behind(kind)
    forged = {**behind.operator, "X-Forwarded-For": OPERATOR, "Forwarded": f"for={OPERATOR}", "X-Real-IP": OPERATOR}
    for path in ("/v1/admin", "/v1/admin/", "/v1/admin/queues", "/v1/admin/live?ticks=0", "/metrics"):
        for method in ("GET", "POST"):
            assert behind.proxy.status(STRANGER, method, path, headers=forged) == 403, (method, path)
    # Nor is there another way to say it.
    for path in ("/v1/%61dmin/queues", "//v1/admin/queues", "/v1//admin/queues", "/./v1/admin/queues", "/%6detrics",
                 "/x/../v1/admin/queues", "/v1%2fadmin/queues", "/v1/admin%2fqueues", "/V1/ADMIN/queues", "//metrics"):
        status, _, body = behind.proxy.ask(STRANGER, "GET", path, headers=forged)
        assert status in (308, 400, 403, 404), (path, status, body)
    assert behind.proxy.status(OPERATOR, "GET", "/v1/admin/queues") == 401, "without the token"
    assert behind.proxy.status(OPERATOR, "GET", "/v1/admin/queues", headers=behind.operator) == 200
    assert behind.proxy.status(OPERATOR, "GET", "/metrics") == 200


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if not kind.is_http], ids=lambda kind: kind.file)
def test_admin_calls_have_a_port_of_their_own(behind, kind):
    behind = behind(kind)
    for source in (OPERATOR, STRANGER):
        assert behind.proxy.status(source, "GET", "/v1/admin/queues", headers=behind.operator) == 404
    assert behind.server.request("GET", "/v1/admin/queues", behind.operator)[0] == 200


@every_http_kind
def test_what_goes_on_comes_at_once(behind, kind):
    """While the stream goes on: what a proxy holds back would come with its end."""
    behind = behind(kind)
    with behind.proxy.asked(OPERATOR, "GET", "/v1/admin/live", headers=behind.operator) as live:
        assert live.status == 200 and live.headers["content-type"] == "text/event-stream"
        events = []
        while len(events) < 3:
            line = live.readline()
            assert line, "the stream has ended"
            if line.startswith(b"event: "):
                events.append(line.split()[1])
    assert events == [b"history", b"now", b"tick"]


@every_http_kind
def test_the_largest_body_of_an_admin_call_goes_through(behind, kind):
    behind = behind(kind)
    body = b'{"min": 1}'.ljust(64 << 10)
    status, _, said = behind.proxy.ask(
        OPERATOR, "POST", "/v1/admin/pools/none/scale", headers=behind.operator, body=body)
    assert (status, json.loads(said)["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg", "apache.conf"])
def test_no_body_has_more_than_one_mib(behind, name):
    """It is not waited for, either. Caddy finds out only when so much has come."""
    headers = {"Content-Length": str(MIB + 1)}
    assert behind(KINDS[name]).proxy.status(STRANGER, "POST", "/", headers=headers) == 413


@every_kind_that_cuts
def test_what_is_idle_is_pinged_before_it_is_cut(kind):
    (ping_s,) = re.findall(r"is pinged every (\d+) seconds", (ROOT / "docs/operations.md").read_text())
    times = [int(time) for time in re.findall(kind.idle, kind.text)]
    assert all(time >= 2 * int(ping_s) for time in times), times


class Idle(RawWebSocket):
    """A session through a proxy that says nothing but what it has to."""

    def __init__(self, behind):
        proxy = behind.proxy
        super().__init__(behind.server, dialled=proxy.dial_tls(STRANGER), host=proxy.host, path=proxy.kind.prefix)

    def wait_ping(self):
        while (frame := self.frame())[0] != PING:
            pass
        self.send_frame(frame[1], PONG)


@every_kind
def test_an_idle_session_lives_by_its_pings(behind, make, kind):
    """Scaled down: pinged every second, cut after three."""
    session = make(Idle(behind(kind, "--idle-s", "2", idle_s=3)))
    for _ in range(7):
        session.wait_ping()
    assert session.lives()


@every_kind_that_cuts
def test_without_pings_it_would_be_cut(behind, make, kind):
    """So the test above is one: the times in the file are those that count."""
    assert make(Idle(behind(kind, idle_s=1))).close_code() == "no close frame"


class NginxOfSeveral(Kind):
    """nginx.conf with what a document puts into it, and the second of the servers that are named there."""

    document, second = None, None

    @classmethod
    def of(cls, document, second):
        of_one = KINDS["nginx.conf"]
        kind = cls(of_one.file, of_one.command, of_one.port, of_one.idle, server="10.0.0.5:8080")
        object.__setattr__(kind, "document", document)
        object.__setattr__(kind, "second", second.http)
        return kind

    @property
    def text(self):
        text, servers = super().text, sample(self.document, "upstream.nginx")
        (alone,) = re.findall(r"^upstream acequia \{.*?^\}\n", text, re.MULTILINE | re.DOTALL)
        text = replaced(text, alone, replaced(servers, "10.0.0.6:8080", self.second))
        last = "    client_max_body_size 1m;\n"
        return replaced(text, last, last + sample(self.document, "server.nginx"))


def test_nginx_passes_on_to_the_owner_of_a_cluster(postgres, tmp_path, certificate):
    url = postgres.new_database()
    first = Member(url)
    first.owns()
    second = Member(url)
    second.stands_by(first)
    proxy = ReverseProxy(NginxOfSeveral.of("docs/cluster.md", second), first, tmp_path, certificate)

    def takes_jobs(count):
        # Both servers are asked first in turn.
        for _ in range(count):
            assert proxy.status(STRANGER, "POST", "/v1/queues/default/jobs", body=b"hello") == 202
            with Client(first, uri=proxy.ws, sock=proxy.tunnel(STRANGER)) as client:
                client.barrier()

    takes_jobs(4)
    first.kill()
    second.owns()
    takes_jobs(4)
    assert second.total("acequia_queue_depth") == 8
    proxy.stop()
    second.check()


def test_nginx_leads_to_any_door(postgres, tmp_path, certificate):
    url, token = postgres.new_database(), token_in(tmp_path)
    first, second = (OpenMember(url, token) for _ in range(2))
    proxy = ReverseProxy(NginxOfSeveral.of("docs/doors.md", second), first, tmp_path, certificate)

    def takes_jobs(count):
        for _ in range(count):
            assert proxy.status(STRANGER, "POST", "/v1/queues/default/jobs", body=b"hello") == 202
            with Client(first, uri=proxy.ws, sock=proxy.tunnel(STRANGER)) as client:
                client.barrier()

    with Client(first, uri=proxy.ws, sock=proxy.tunnel(STRANGER)), \
            Client(first, uri=proxy.ws, sock=proxy.tunnel(STRANGER)):
        # In turn.
        assert [door.metric("acequia_door_sessions") for door in (first, second)] == [1, 1]
    takes_jobs(4)
    (owner,) = [door for door in (first, second) if door.is_owner]
    other = second if owner is first else first
    owner.kill()
    other.owns()
    takes_jobs(4)
    assert other.total("acequia_queue_depth") == 8
    proxy.stop()
    other.check()


def test_haproxy_leads_both_connections_of_a_worker_to_one_door(postgres, tmp_path):
    """A worker whose connections lead to two gets no jobs."""
    url, token = postgres.new_database(), token_in(tmp_path)
    doors = [OpenMember(url, token) for _ in range(2)]
    with Haproxy(tmp_path, {"server-1": doors[0], "server-2": doors[1]}) as proxy:
        eventually(proxy.knows_the_owner, "HAProxy to know which are ready")
        # One who comes to one of both ports alone: if doors had their turns, those of the ports would differ now.
        with socket.create_connection(proxy.address("jobs")):
            workers = [acequia_worker_of(proxy) for _ in range(2)]
            (owner,) = [door for door in doors if door.is_owner]
            owner.wait_workers(len(workers))
    for door in doors:
        assert door.metric("acequia_worker_messages_dropped_total", reason="unknown_lane") == 0
        door.check()


def acequia_worker_of(proxy):
    return Process([acequia(), "worker", "--jobs", proxy.jobs, "--results", proxy.results, "--", "cat"], name="worker",
                   env=clean_env())
