"""A server in the midst of work, which may be no owner any more without knowing it."""

import json

from .client import Client
from .sessions import Session
from .worker import Worker


class Zombie:
    """With clients and a worker; what becomes of it is for the test."""

    def __init__(self, one, make):
        self.session, self.client = make(Session(one)), make(Client(one))
        self.worker = make(Worker(one, slots=4))
        self.session.submit_all(["ends", "goes on", "is cancelled"])
        self.client.submit("of nobody", id="of nobody", attempts=2)
        self.jobs = {json.loads(job.body): job for job in (self.worker.job() for _ in range(4))}
        self.session.submit_all(["waits"])
        self.client.send({"op": "subscribe", "topic": "news"})
        self.client.barrier()
        self.session.client.barrier()
        self.before = self.heard()

    def heard(self):
        return [list(client.events) for client in (self.session.client, self.client)]

    def speak(self):
        """All say something, and there is nobody who listens."""
        jobs, worker = self.jobs, self.worker
        worker.done(jobs["ends"], b'"told by the first"')
        worker.progress(jobs["goes on"], note="half")
        worker.chunk(jobs["goes on"], b'"a part"')
        worker.fail(jobs["of nobody"], code="no_luck")
        worker.publish("news", b'"of the first"', type="application/json")
        self.session.client.submit("new", id="new")
        self.session.client.cancel("is cancelled")
        self.client.submit("new, of nobody", id="new, of nobody")

    def nobody_has_heard_more(self):
        """The connections are over, without a word of anything."""
        for client in (self.session.client, self.client):
            client.wait_closed()
        for heard, before in zip(self.heard(), self.before, strict=True):
            more = heard[len(before):]
            assert [event["ev"] for event in more if event["ev"] != "bye"] == [], more

    def goes_on_at(self, server):
        """The jobs that were accepted come to their end there, each once; what was said to the first is forgotten."""
        session = self.session
        session.resume(server)
        with Worker(server, slots=9) as worker:
            jobs = {json.loads(job.body): job for job in (worker.job() for _ in range(5))}
            assert jobs.keys() == {"ends", "goes on", "is cancelled", "of nobody", "waits"}
            for job in jobs.values():
                worker.done(job, job.body)
            session.check_done(["ends", "goes on", "is cancelled", "waits"])
            results = {event["id"]: event["result"] for event in session.told if event["ev"] == "done"}
            assert all(id == result for id, result in results.items()), results
            assert not worker.at_hand()
