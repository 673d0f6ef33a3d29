"""Who does not get through a worker port is told of by name, once a minute, with what to do."""

import contextlib
import ssl

import pytest
import zmq

from harness import Worker, zmtp
from harness.zmtp import Peer

REFUSED = "acequia_gate_connections_refused_total"


@contextlib.contextmanager
def stock(kind, address, **options):
    """A socket of stock ZeroMQ, which dials again and again."""
    context = zmq.Context()
    socket = context.socket(kind)
    for name, value in options.items():
        setattr(socket, name, value)
    socket.connect(address)
    try:
        yield socket
    finally:
        context.destroy(linger=0)


def told(server, port, *words):
    return server.process.line(
        lambda line: "WARN" in line and f'port="{port}"' in line and all(word in line for word in words),
        of="stderr")


def told_once(server, port, reason, *words):
    """Many were refused, of which one line tells."""
    server.wait_metric(REFUSED, 5, port=port, reason=reason)
    line = told(server, port, reason, *words)
    alike = [other for other in server.process.stderr if "WARN" in other and reason in other]
    assert alike == [line]


CURVE = dict(zip(("curve_publickey", "curve_secretkey"), zmq.curve_keypair()), curve_serverkey=zmq.curve_keypair()[0])


@pytest.mark.parametrize(("port", "kind", "options", "words"), [
    ("jobs", zmq.SUB, {}, ["it is a SUB", "PULL"]),
    ("jobs", zmq.DEALER, {}, ["it is a DEALER", "PULL"]),
    ("results", zmq.REQ, {}, ["it is a REQ", "PUSH"]),
    ("jobs", zmq.PUSH, {}, ["it is a PUSH", "mixed up"]),
    ("results", zmq.PULL, {}, ["it is a PULL", "mixed up"]),
    ("jobs", zmq.PULL, {"plain_username": b"user", "plain_password": b"secret"}, ["PLAIN", "NULL"]),
    ("results", zmq.PUSH, CURVE, ["CURVE", "NULL"]),
])
def test_stock_zeromq_that_is_set_wrongly(server, port, kind, options, words):
    with stock(kind, getattr(server, port), **options):
        told_once(server, port, "incompatible_peer", *words)
    assert "secret" not in server.process.log()


ZMTP_2 = [b"\xff" + bytes(7) + b"\x01\x7f", b"\x01\x07\x00\x00"]


@pytest.mark.parametrize("port", ["jobs", "results"])
@pytest.mark.parametrize(("said", "reason", "words"), [
    ([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], "bad_greeting", ["HTTP"]),
    ([b"SSH-2.0-OpenSSH_9.2\r\n"], "bad_greeting", ["SSH"]),
    ([b"\x01\x00"], "bad_greeting", ["ZMTP 1", "libzmq 4"]),
    (ZMTP_2, "bad_greeting", ["ZMTP 2", "JeroMQ", "ZMTP 3"]),
    ([b"*1\r\n$4\r\nPING\r\n"], "bad_greeting", ["not ZMTP"]),
    ([zmtp.greeting(mechanism=b"GSSAPI")], "incompatible_peer", ["GSSAPI"]),
    ([zmtp.greeting(mechanism=b"\x1b[2Jsecret")], "incompatible_peer", ["other than NULL"]),
    ([zmtp.greeting() + zmtp.ready(b"\x1b[2Jsecret")], "incompatible_peer", ["does not know"]),
    ([zmtp.greeting() + zmtp.command(b"ERROR", b"\x04nope")], "bad_handshake", ["READY"]),
])
def test_other_protocols(server, port, said, reason, words):
    with Peer(server, port, hands=False) as peer:
        for part in said:
            peer.send(part)
            if part is not said[-1]:
                # It says the rest when it knows our version, as ZeroMQ does.
                peer.exactly(11)
        peer.wait_closed()
    line = told(server, port, reason, *words)
    assert "127.0.0.1:" in line and "secret" not in line and "\x1b[2J" not in line
    server.wait_metric(REFUSED, 1, port=port, reason=reason)


def test_tls_on_a_port_of_workers(server):
    with Peer(server, "jobs", hands=False) as peer, pytest.raises(OSError):
        ssl.create_default_context().wrap_socket(peer.socket, server_hostname="localhost")
    told(server, "jobs", "bad_greeting", "TLS")


@pytest.mark.parametrize("cut", [1, 10, 12, 40, 64, 70])
def test_who_leaves_in_the_middle_of_the_handshake(server, cut):
    with Peer(server, "jobs", hands=False) as peer:
        peer.send((zmtp.greeting() + zmtp.ready(b"PULL"))[:cut])
    told(server, "jobs", "left_in_handshake", "PULL")
    server.wait_metric(REFUSED, 1, port="jobs", reason="left_in_handshake")


def test_who_looks_whether_the_port_is_open_is_not_told_of(server):
    for _ in range(20):
        Peer(server, "jobs", hands=False).close()
    server.wait_metric("acequia_gate_connections_closed_total", 20, port="jobs", reason="peer_closed")
    assert "WARN" not in server.process.log()


def test_many_kinds_are_told_one_by_one(server):
    """One that is loud hides nobody else."""
    with stock(zmq.SUB, server.jobs):
        told_once(server, "jobs", "incompatible_peer", "it is a SUB")
        with stock(zmq.PUSH, server.jobs):
            told(server, "jobs", "it is a PUSH")


def test_frames_that_are_too_large_are_told(server):
    with Peer(server, "results") as peer:
        peer.send(zmtp.announced(1 << 40))
        peer.wait_closed()
    told(server, "results", "frame_too_large", "limit")


def malformed(worker):
    worker.results.send_multipart([b"done", b"no id of a job"])


def test_a_worker_that_speaks_wrongly_without_end(server, client):
    """It is told once, is back later each time, and a decent one from the same host is not held up."""
    with contextlib.ExitStack() as stack:
        wrong = stack.enter_context(Worker(server, ready=False))
        for _ in range(5):
            wrong.hello()
            malformed(wrong)
        server.wait_metric(REFUSED, 5, port="results", reason="malformed_message")
        told(server, "results", "malformed")
        assert sum("malformed" in line for line in server.process.stderr) == 1
        # It is held by now, and others are not.
        decent = stack.enter_context(Worker(server))
        id = client.submit("text")
        message = decent.recv()
        while message.kind == "hello":  # it may be greeted again before its answer is in
            message = decent.recv()
        decent.done(message, b'"done"')
        assert client.result(id) == "done"
        wrong.hello()


def test_strangers_do_not_use_up_the_greetings(server, client):
    """However many results connections come and go, an answer that is lost is asked for again."""
    with Worker(server, ready=False) as worker:
        lane = worker.hello().id
        for _ in range(40):
            Peer(server, "results").close()
        server.wait_metric("acequia_gate_connections_closed_total", 40, port="results", reason="peer_closed")
        # It loads a model and is not asked for each of them.
        worker.hello()
        asked = 2
        while worker.at_hand():
            worker.hello()
            asked += 1
        assert asked < 16
        # Its answer is lost, as far as anybody knows.
        Peer(server, "results").close()
        Peer(server, "results").close()
        assert worker.hello().id == lane
        worker.send("ready", lane)
        server.wait_workers(1)
        id = client.submit("text")
        message = worker.recv()
        while message.kind == "hello":
            message = worker.recv()
        worker.done(message, b'"done"')
        assert client.result(id) == "done"


class Threads:
    """Two workers of one process, each with a PULL of its own, that share one PUSH."""

    def __init__(self, server):
        self.context = zmq.Context()
        self.results = self.context.socket(zmq.PUSH)
        self.results.connect(server.results)
        self.pulls = [self.context.socket(zmq.PULL) for _ in range(2)]
        for pull in self.pulls:
            pull.connect(server.jobs)
        self.heard = []

    def serve_until(self, is_enough):
        poller = zmq.Poller()
        for pull in self.pulls:
            poller.register(pull, zmq.POLLIN)
        while not is_enough(self):
            for pull, _ in poller.poll(100):
                kind, id, head, body = pull.recv_multipart()
                self.heard.append((self.pulls.index(pull), kind, head))
                if kind == b"hello":
                    self.results.send_multipart([b"ready", id])
                elif kind == b"job":
                    self.results.send_multipart([b"done", id, b"", body])

    def close(self):
        self.context.destroy(linger=0)


def test_workers_that_share_one_push_are_told(server, client, make):
    """One of them works, in peace; the other is told why not, and takes over when the first has gone."""
    threads = make(Threads(server))
    threads.serve_until(lambda threads: any(kind == b"bye" for _, kind, _ in threads.heard))
    idle, _, head = next(entry for entry in threads.heard if entry[1] == b"bye")
    assert b"PUSH" in head
    told(server, "results", "shared_results", "its own PUSH")
    server.wait_metric("acequia_worker_messages_dropped_total", 1, reason="shared_results")
    hellos = sum(kind == b"hello" for _, kind, _ in threads.heard)
    assert hellos <= 4, threads.heard
    for n in range(20):
        id = client.submit(n)
        threads.serve_until(lambda _: "done" in client.names(id))
    assert sum(kind == b"hello" for _, kind, _ in threads.heard) == hellos, "nobody flaps"
    # The one that works goes.
    threads.pulls[1 - idle].close(linger=0)
    threads.pulls = [threads.pulls[idle]]
    id = client.submit("last")
    threads.serve_until(lambda _: "done" in client.names(id))


def test_what_is_said_on_a_second_results_connection_is_told(server):
    """A PUSH that is connected twice deals its messages out to both connections."""
    with Worker(server) as worker:
        server.wait_workers(1)
        worker.results.connect(server.results)
        server.wait_metric("acequia_gate_connections", 2, port="results")
        for _ in range(10):
            worker.send("beat", worker.lane)
        told(server, "results", "not_ready", "`ready`")
