"""Calls of a client over HTTP: jobs and messages on topics."""

import http.client
import json
from typing import NamedTuple

from .process import PATIENCE_S


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def refused(self, status, code):
        """That it is a problem of this status and code; returns what it says."""
        assert (self.status, self.headers["Content-Type"]) == (status, "application/problem+json"), self
        problem = self.json
        assert (problem["status"], problem["code"]) == (status, code), problem
        assert problem["title"] and problem["detail"], problem
        return problem


class Api:
    """A caller with a token or without. Each call has a connection of its own."""

    def __init__(self, server, token=None):
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def begin(self, method, path, body=None, **headers):
        """Makes a call, and returns the connection on which its answer comes."""
        connection = http.client.HTTPConnection(*self._server.address("http"), timeout=PATIENCE_S)
        named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        try:
            connection.request(method, path, body, {**self._headers, **named})
        except BaseException:
            connection.close()
            raise
        return connection

    def call(self, method, path, body=None, **headers):
        return answer_of(self.begin(method, path, body, **headers))

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def submit(self, body, *, queue="default", query="", type="application/json", **headers):
        """One job; `body` are the bytes of its payload."""
        return self.call("POST", f"/v1/queues/{queue}/jobs{query}", body, Content_Type=type, **headers)

    def submit_json(self, jobs, **headers):
        """What `jobs` describes, one or many."""
        return self.call("POST", "/v1/jobs", json.dumps(jobs), Content_Type="application/json", **headers)

    def publish(self, topic, body, *, query="", type="application/json", **headers):
        return self.call("POST", f"/v1/topics/{topic}{query}", body, Content_Type=type, **headers)


def answer_of(connection):
    """The answer to a call that was begun, whose connection is over then."""
    try:
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Events:
    """A stream of events, read one by one."""

    def __init__(self, api, job, **headers):
        self._connection = api.begin("GET", f"/v1/jobs/{job}/events", **headers)
        self.response = self._connection.getresponse()

    def close(self):
        self._connection.close()

    def next(self):
        """Event, number and data of the next one; `None` at the end."""
        event = {}
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                event[name] = value
            elif event.keys() - {""}:
                return event["event"], int(event["id"]), json.loads(event["data"])
        return None
