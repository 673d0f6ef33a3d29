"""What clients may, to the last: one under each limit passes, one over it is refused, nothing else
is disturbed."""

import socket
import time

from harness import Client, Serving, eventually, run_acequia
from harness.server import samples_of


def test_welcome_names_them(new_server):
    flags = {
        "payload_bytes": 2000, "result_bytes": 3000, "message_bytes": 9000, "client_jobs": 11, "queue_jobs": 12,
        "waiting_jobs": 13, "payloads_bytes": 14000, "sessions": 15, "address_connections": 16, "ops_per_s": 17,
        "handshake_s": 18, "idle_s": 19,
    }
    given = [word for name, n in flags.items() for word in ("--" + name.replace("_", "-"), str(n))]
    with Client(new_server(*given)) as client:
        client.send({"op": "hello"})
        assert client.heard("welcome")["limits"] == flags


def test_payloads_results_and_messages(new_server, encoding):
    server = new_server("--payload-bytes", "2000", "--result-bytes", "2000", "--message-bytes", "9000")
    with Serving(server, lambda job: job.body + job.body), Client(server, encoding) as client:
        # A string of n bytes takes n and its quotes, or three bytes before it.
        around = 2 if encoding == "json" else 3
        assert client.outcome(client.submit("x" * (2001 - around)))["code"] == "too_large"
        # The worker sends it twice, which is no JSON and no MessagePack, and too large anyway.
        assert client.outcome(client.submit("x" * (2000 - around)))["code"] == "bad_result"
    with Serving(server), Client(server, encoding) as client:
        assert client.result(client.submit("x" * (2000 - around))) == "x" * (2000 - around)
        client.send([{"op": "submit", "id": n, "payload": "x" * 1900} for n in range(1, 5)])
        client.outcomes(4)
        client.send([{"op": "submit", "id": n, "payload": "x" * 1900} for n in range(5, 10)])
        assert client.wait_closed() == 1009


def test_flags_that_do_not_agree():
    code, _, said = run_acequia("serve", "--payload-bytes", "100000", "--message-bytes", "100000", "--journal", "none")
    assert code == 1 and "--message-bytes" in said and "104096" in said
    code, _, said = run_acequia("serve", "--idle-s", "0")
    assert code == 2 and "--idle-s" in said


def test_jobs_of_a_queue(new_server):
    server = new_server("--queue-jobs", "3")
    with Client(server) as one, Client(server) as other, Client(server) as third:
        one.submit(1, queue="small")
        third.submit(2, queue="small")
        third.barrier()
        other.submit(3, queue="small", id="last")
        one.barrier(), other.barrier()
        for client in (one, other):
            refused = client.outcome(client.submit(4, queue="small"))
            assert (refused["ev"], refused["code"]) == ("rejected", "queue_full")
            assert "small" in refused["message"] and "3" in refused["message"] and refused["retry_after_ms"] > 0
        with Serving(server, queues=["small", "large"]):
            assert other.result(other.submit(5, queue="large")) == 5
            assert other.result("last") == 3
            one.outcomes(2)
        with Serving(server, queues=["small"]):
            assert one.result(one.submit(6, queue="small")) == 6


def test_ops_of_a_client_in_a_second(new_server, encoding):
    server = new_server("--ops-per-s", "100")
    with Serving(server), Client(server, encoding) as fast, Client(server, encoding) as other:
        begin = time.monotonic()
        ids = fast.submit_many(range(300))
        fast.outcomes(300)
        refused = [event for event in fast.events if event["ev"] == "rejected"]
        done = [event for event in fast.events if event["ev"] == "done"]
        assert all(event["code"] == "rate_limited" and event["retry_after_ms"] == 1000 for event in refused)
        assert [event["id"] for event in done[:100]] == ids[:100], "the first ones"
        assert 100 <= len(done) <= 100 + 100 * (time.monotonic() - begin) + 1
        assert other.result(other.submit("mine")) == "mine", "it has its own"
        # Other ops are refused too, and count.
        fast.send([{"op": "cancel", "id": "none"}] * 300)
        fast.heard("error", code="rate_limited", id="none")
        assert server.metric("acequia_jobs_rejected_total", code="rate_limited") >= len(refused)
        eventually(lambda: fast.outcome(fast.submit(1))["ev"] == "done", "another second")


def test_connections_of_an_address(new_server):
    server = new_server("--address-connections", "3")
    with Client(server) as one, Client(server):
        with Client(server) as third:
            status, headers, text = server.get("/v1/ws")
            assert status == 429 and headers["retry-after"] == "5" and "close others" in text
            third.barrier()
            # Another address has its own.
            with socket.create_connection(server.address("http"), source_address=("127.0.0.2", 0)) as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                assert other.recv(100).startswith(b"HTTP/1.1 200")
        one.barrier()

        def was_refused():
            status, _, text = server.get("/metrics")
            sample = ("acequia_http_refused_total", (("reason", "address"),))
            return status == 200 and samples_of(text).get(sample, 0) >= 1

        eventually(was_refused, "the place of the third")


def test_a_request_that_does_not_come(new_server):
    server = new_server("--handshake-s", "1")
    with socket.create_connection(server.address("http")) as silent, socket.create_connection(server.address("http")) as slow:
        slow.sendall(b"GET /v1/ws HTTP/1.1\r\nhost: ")
        for connection in (silent, slow):
            connection.settimeout(20)
            assert b"200" not in connection.recv(1000)
    with Client(server) as client:
        client.barrier()


def test_a_client_that_says_nothing_is_pinged_and_a_dead_one_given_up(new_server):
    server = new_server("--idle-s", "1")
    with Client(server) as quiet, Dead(server) as dead:
        assert dead.close_code() == 4002
        # Its library answers pings, and nobody else said anything meanwhile.
        quiet.barrier()
        assert quiet.closed is None


class Dead:
    """A WebSocket client that answers no ping."""

    def __init__(self, server):
        self._socket = socket.create_connection(server.address("http"))
        self._socket.settimeout(20)
        self._socket.sendall(
            b"GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def close_code(self):
        pings = 0
        while True:
            kind, length = self._file.read(2)
            body = self._file.read(length)
            if kind == 0x88:
                assert pings == 1
                return int.from_bytes(body[:2])
            assert kind == 0x89, hex(kind)
            pings += 1
