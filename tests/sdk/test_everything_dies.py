"""Thousands of jobs while the server and both workers are killed: each has one outcome, and it is the right one."""

import os
from collections import Counter

import pytest

from harness import Client
from harness.client import OUTCOMES
from harness.process import eventually

JOBS = int(os.environ.get("ACEQUIA_SDK_JOBS", "2000"))
SLOTS = 8
# At which shares of the outcomes who is killed.
KILLED = [(0.1, "first"), (0.2, "server"), (0.35, "second"), (0.5, "server"), (0.6, "first"), (0.75, "second"),
          (0.85, "server")]


class Session:
    """A session that goes on over the deaths of its server, and all that it was told."""

    def __init__(self, server):
        self._server = server
        self._client = Client(server)
        self._client.send({"op": "hello", "resume": True})
        self._secret = self._client.heard("welcome")["session"]
        self._before = []

    def submit(self, jobs):
        """Jobs that are on disk when this returns."""
        self._client.send([{"op": "submit", "id": id, **job} for id, job in jobs.items()])
        self._client.wait(lambda events: jobs.keys() <= {event.get("id") for event in events}, "their names")

    def resume(self):
        """On the server that was started again."""
        last = max((event.get("seq", 0) for event in self.events), default=0)
        self._client.close()
        self._before += self._client.events
        self._client = Client(self._server)
        self._client.send({"op": "hello", "resume": self._secret, "last": last})
        assert self._client.heard("welcome")["resumed"]

    @property
    def events(self):
        return [*self._before, *self._client.events]

    def outcomes(self):
        # Of those that a `gap` names, the outcome is not told any more.
        return [event for event in self.events if event["ev"] in OUTCOMES or event["ev"] == "gap"]

    def close(self):
        self._client.close()


@pytest.mark.timeout(600)
def test_thousands_of_jobs(kept_server, new_worker, make):
    server = kept_server
    workers = {name: new_worker(server, slots=SLOTS, name=name) for name in ("first", "second")}
    session = make(Session(server))
    jobs = {n: job(n) for n in range(JOBS)}
    session.submit(jobs)
    for share, name in KILLED:
        eventually(lambda: len(session.outcomes()) >= share * JOBS, f"{share} of the outcomes", 300)
        if name == "server":
            server.crash()
            session.resume()
        else:
            workers[name].kill()
            workers[name] = new_worker(server, slots=SLOTS, name=name)
    eventually(lambda: len(session.outcomes()) >= JOBS, "all outcomes", 300)
    session.resume()  # What was to be told has been.
    outcomes = session.outcomes()
    assert {event["ev"] for event in outcomes} == {"done"}
    assert set(Counter(event["id"] for event in outcomes).values()) == {1}
    echoes = [event for event in outcomes if jobs[event["id"]]["queue"] == "echo"]
    assert all(event["result"] == jobs[event["id"]]["payload"] for event in echoes)
    assert all(worker.alive for worker in workers.values())


def job(n):
    """Most end at once; some last, so that there is something to lose at each death."""
    return {"queue": "sleep", "payload": 50} if n % 10 == 0 else {"queue": "echo", "payload": f"drop {n}"}
