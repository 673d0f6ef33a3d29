"""A request is answered before its body is there if it is refused, and may go on sending all the same:
most clients look for an answer only when they have sent everything."""

import http.client
from contextlib import closing

import pytest

from harness import Server
from harness.process import PATIENCE_S

MIB = 1 << 20
BODY = b"x" * (8 * MIB)
CHUNKED = {"Transfer-Encoding": "chunked"}
LONG = {"Content-Length": str(len(BODY))}

REFUSED = {
    "too large a payload": ("POST", "/v1/queues/default/jobs", LONG, 413),
    "too large a payload in chunks": ("POST", "/v1/queues/default/jobs", CHUNKED, 413),
    "too large a message": ("POST", "/v1/topics/t", LONG, 413),
    "another type": ("POST", "/v1/jobs", {**LONG, "Content-Type": "text/plain"}, 415),
    "a foreign page": ("POST", "/v1/topics/t", {**LONG, "Origin": "http://example.com"}, 403),
    "no such place": ("POST", "/v1/nothing", LONG, 404),
    "another method": ("PUT", "/metrics", LONG, 405),
    "not an operator": ("POST", "/v1/admin/queues/default/pause", LONG, 401),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_rest_of_a_refused_body_is_read(server, what):
    method, path, headers, status = REFUSED[what]
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if headers is CHUNKED else BODY
    with closing(http.client.HTTPConnection(*server.address("http"), timeout=PATIENCE_S)) as connection:
        begin(connection, method, path, headers)
        # More than any may have, for one that tells no length.
        begun = len(body) // 2
        connection.send(body[:begun])
        answer = connection.getresponse()
        assert answer.status == status, answer.read()
        answer.read()
        connection.send(body[begun:])
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200, "it goes on by the same connection"


def test_a_body_that_is_asked_for_first_is_not_waited_for(server):
    with closing(http.client.HTTPConnection(*server.address("http"), timeout=PATIENCE_S)) as connection:
        begin(connection, "POST", "/v1/queues/default/jobs", {**LONG, "Expect": "100-continue"})
        answer = connection.getresponse()
        assert answer.status == 413
        answer.read()
        assert connection.sock is None or connection.sock.recv(1) == b""


def test_the_rest_of_a_body_holds_no_server_up():
    server = Server()
    with closing(http.client.HTTPConnection(*server.address("http"), timeout=PATIENCE_S)) as connection:
        begin(connection, "POST", "/v1/topics/t", LONG)
        assert connection.getresponse().status == 413
        assert server.stop() == 0


def begin(connection, method, path, headers):
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
