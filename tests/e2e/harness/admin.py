"""The admin calls of a server, as whoever operates it makes them."""

import http.client
import json
from urllib.parse import urlencode

from .process import eventually

LIVE = {"delayed", "waiting", "running"}
ENDED = {"done", "failed", "cancelled"}


# A server tells moments by its own start, and takes them from the journal by the time that has passed
# since: to the millisecond, which each of both clocks rounds.
ROUNDED_MS = 5


def is_alike(told, before):
    """Whether two answers are the same, apart from how moments were rounded by the servers that told them."""
    if isinstance(told, dict) and isinstance(before, dict) and told.keys() == before.keys():
        return all(
            abs(told[key] - before[key]) <= ROUNDED_MS
            if key in ("submitted_ms", "failed_ms", "ended_ms") else is_alike(told[key], before[key])
            for key in told
        )
    if isinstance(told, (list, tuple)) and isinstance(before, (list, tuple)) and len(told) == len(before):
        return all(map(is_alike, told, before))
    return told == before


class Admin:
    """Each call is an HTTP request, on one connection; what it answers is JSON."""

    def __init__(self, server, token=None):
        self._server = server
        self._token = token
        self._process, self._connection, self._headers = None, None, {}

    def close(self):
        if self._connection:
            self._connection.close()

    def request(self, method, url, body=None):
        """Status, headers and body."""
        if self._process is not self._server.process:
            # It was started again since the last call.
            self.close()
            self._process = self._server.process
            # That of a server without a journal is another each time.
            token = self._token
            self._headers = {"Authorization": f"Bearer {token}"} if token else self._server.operator()
            self._connection = http.client.HTTPConnection(*self._server.address("http"), timeout=30)
        self._connection.request(method, url, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.headers, response.read().decode()

    def call(self, method, path, body=None, **query):
        """Status and body."""
        query = urlencode({key: value for key, value in query.items() if value is not None})
        url = f"/v1/admin/{path}" + (f"?{query}" if query else "")
        status, headers, text = self.request(method, url, body if body is None else json.dumps(body))
        assert headers["content-type"] == "application/json", (method, url, status, dict(headers), text)
        return status, json.loads(text)

    def get(self, path, **query):
        """What is answered to a call that goes well."""
        return self.do("GET", path, **query)

    def do(self, method, path, body=None, **query):
        """Likewise, of any method."""
        status, said = self.call(method, path, body, **query)
        assert status == 200, (method, path, status, said)
        return said

    def pages(self, path, key, limit, **query):
        """All entries of a list, page by page."""
        after, all = None, []
        while True:
            page = self.get(path, limit=limit, after=after, **query)
            assert len(page[key]) <= limit
            all += page[key]
            after = page["next"]
            if after is None:
                return all

    def job(self, job):
        """What is known of a job; nothing if it is not known."""
        status, body = self.call("GET", f"jobs/{job}")
        if status == 404:
            assert body["code"] == "not_found" and body["message"], body
            return None
        assert status == 200, (status, body)
        assert body["job"] == job and body["state"] in LIVE | ENDED, body
        return body

    def ended(self, job):
        """Waits until the job has ended, and returns what is kept of it."""
        def look():
            known = self.job(job)
            assert known is not None, f"the server does not know the job {job}"
            return known if known["state"] in ENDED else None

        return eventually(look, f"the end of {job}")

    def dead_letters(self, **query):
        """A page of dead letters, and where the next one begins."""
        status, body = self.call("GET", "dead-letters", **query)
        assert status == 200, (status, body)
        return body["dead_letters"], body["next"]
