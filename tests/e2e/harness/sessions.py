"""Sessions that can be resumed: what is told in them over all connections of a client."""

from .client import Client


def begin(server, encoding="json"):
    """A session that can be resumed; the client and its secret."""
    client = Client(server, encoding)
    client.send({"op": "hello", "resume": True})
    welcome = client.heard("welcome")
    assert welcome["resumed"] is False and "seq" not in welcome
    return client, welcome["session"]


def resume(server, secret, last, encoding="json"):
    client = Client(server, encoding)
    client.send({"op": "hello", "resume": secret, "last": last})
    return client, client.heard("welcome")


def numbered(client):
    """The events that have a number, in the order in which they came; the numbers go up."""
    events = [event for event in list(client.events) if "seq" in event]
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers)), numbers
    return events


def cut(client):
    """Ends the connection without a word."""
    client.socket.socket.shutdown(2)
    client.wait_closed()


def last_of(client):
    return max((event["seq"] for event in numbered(client)), default=0)


def check_goes_on(client, worker):
    """Its connection is the one with which its session goes on: what it submits is told to it."""
    client.submit("goes on", id="goes on")
    job = worker.job()
    worker.done(job, job.body)
    assert client.result("goes on") == "goes on"
    assert client.closed is None


def ends(events):
    return [event["id"] for event in events if event["ev"] in ("done", "failed", "cancelled")]


class Session:
    """One that goes on at this server or that; `client` is its connection now."""

    def __init__(self, server, encoding="json"):
        self._encoding = encoding
        self._told, self._last = [], 0
        self.client, self.secret = begin(server, encoding)

    @property
    def told(self):
        """All numbered events of all its connections; their numbers go up."""
        told = self._told + numbered(self.client)
        numbers = [event["seq"] for event in told]
        assert numbers == sorted(set(numbers)), numbers
        return told

    def leave(self):
        """The client goes away without a word, unless the connection is over already."""
        if self.client.closed is None:
            cut(self.client)

    def resume(self, server):
        """Goes on where it was."""
        self.leave()
        self._last = max(self._last, last_of(self.client))
        self._told += numbered(self.client)
        self.client.close()
        self.client, welcome = resume(server, self.secret, self._last, self._encoding)
        assert welcome["resumed"] is True and welcome["session"] == self.secret, welcome

    def submit_all(self, payloads, **fields):
        """Submits jobs whose ids are their payloads, and waits until all are accepted or over."""
        self.client.send([{"op": "submit", "id": payload, "payload": payload, **fields} for payload in payloads])
        self.wait_told("accepted", payloads)

    def submit_till_taken(self, server, ids, **fields):
        """Submits a job, and another when that is refused since the database is away; returns the id of the one taken."""
        for id in ids:
            self.client.submit(id, id=id, **fields)
            answer = self.client.wait(lambda events, id=id: next(
                (e for e in events if e.get("id") == id and e["ev"] in ("accepted", "rejected", "done")), None), id)
            if answer["ev"] != "rejected":
                return id
            assert answer["code"] == "storage", answer
            server.wait_readyz(200)

    def wait_told(self, ev, ids):
        """Waits until each of these jobs is `accepted`, or has ended; or, with `done`, has ended well."""
        enough = {"accepted", "done", "failed", "cancelled"} if ev == "accepted" else {ev}
        wanted = set(ids) - {event["id"] for event in self._told if event["ev"] in enough}
        self.client.wait(lambda events: wanted <= {e.get("id") for e in events if e["ev"] in enough}, f"{ev} of all")

    def check_done(self, ids, went_on=False):
        """Waits until all of these jobs have; none of them has been accepted or has ended twice.

        If the session `went_on` behind a door with another owner, that one may say `accepted` once more.
        """
        self.wait_told("done", ids)
        self.client.barrier()
        ends = {"done", "failed", "cancelled", "rejected"}
        for names in ((ends,) if went_on else ({"accepted"}, ends)):
            told = [event["id"] for event in self.told if event["ev"] in names]
            assert len(told) == len(set(told)), [id for id in told if told.count(id) > 1]

    def close(self):
        self.client.close()
