"""A client over a real WebSocket: what it hears is kept with the time at which it came."""

import itertools
import json
import threading
import time

import msgpack
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .process import PATIENCE_S

OUTCOMES = {"done", "failed", "cancelled", "rejected"}


class Client:
    """One session, in either encoding."""

    def __init__(self, server, encoding="json", *, subprotocols=None, uri=None, origin=None,
                 headers=None, **connection):
        self.encoding = encoding
        if subprotocols is None:
            subprotocols = [f"acequia.v1.{encoding}"]
        self._connection = connect(
            uri or server.ws,
            origin=origin,
            additional_headers=headers,
            subprotocols=subprotocols or None,
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=None,
            open_timeout=PATIENCE_S,
            close_timeout=1,
            **connection,
        )
        self.socket = self._connection.__enter__()
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self.events = []
        self.closed = None  # the close code, once closed
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self):
        try:
            while True:
                message = self.socket.recv()
                event = json.loads(message) if self.encoding == "json" else msgpack.unpackb(message)
                event["at"] = time.monotonic()
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
        with self._changed:
            self.closed = code
            self._changed.notify_all()

    def send(self, op):
        """Sends an op or a list of ops."""
        self.socket.send(json.dumps(op) if self.encoding == "json" else msgpack.packb(op))

    def submit(self, payload, **fields):
        """Submits a job; returns its correlation id."""
        fields.setdefault("id", next(self._ids))
        self.send({"op": "submit", "payload": payload, **fields})
        return fields["id"]

    def submit_many(self, payloads, **fields):
        """Submits many jobs in one message; returns their ids."""
        ids = [next(self._ids) for _ in payloads]
        jobs = zip(ids, payloads, strict=True)
        self.send([{"op": "submit", "id": id, "payload": p, **fields} for id, p in jobs])
        return ids

    def cancel(self, id):
        self.send({"op": "cancel", "id": id})

    def wait(self, look, what, patience_s=PATIENCE_S):
        """Waits until `look(self.events)` returns something true, and returns that."""
        deadline = time.monotonic() + patience_s
        with self._changed:
            while True:
                seen = look(self.events)
                if seen:
                    return seen
                left = deadline - time.monotonic()
                if left <= 0 or (self.closed is not None and what != "the close"):
                    tail = "\n".join(str(event)[:300] for event in self.events[-20:])
                    why = f"closed with {self.closed}" if self.closed is not None else "in vain"
                    raise AssertionError(f"waited for {what}: {why}; last events:\n{tail}")
                self._changed.wait(left)

    def heard(self, ev, nth=1, **fields):
        """Waits for the `nth` event `ev` with these fields."""
        def look(events):
            found = [
                event for event in events
                if event["ev"] == ev and all(event.get(k) == v for k, v in fields.items())
            ]
            return found[nth - 1] if len(found) >= nth else None

        return self.wait(look, f"{ev} {fields}")

    def accepted(self, ids):
        """Waits until all of these jobs are; returns the server's names for them."""
        return [self.heard("accepted", id=id)["job"] for id in ids]

    def outcome(self, id):
        """Waits for the outcome of a job, or its rejection."""
        def look(events):
            return next((e for e in events if e["ev"] in OUTCOMES and e.get("id") == id), None)

        return self.wait(look, f"the outcome of {id!r}")

    def result(self, id):
        """Waits for the result of a job that must be done."""
        outcome = self.outcome(id)
        assert outcome["ev"] == "done", outcome
        return outcome["result"]

    def outcomes(self, count):
        """Waits for so many outcomes in all."""
        def look(events):
            found = [event for event in events if event["ev"] in OUTCOMES]
            # In a list of its own: there may be none to wait for.
            return [found] if len(found) >= count else None

        return self.wait(look, f"{count} outcomes")[0]

    def of(self, id):
        """What was said of a job so far, in order."""
        with self._changed:
            return [event for event in self.events if event.get("id") == id]

    def names(self, id):
        return [event["ev"] for event in self.of(id)]

    def barrier(self):
        """Waits until all that the server had to say before this call has come."""
        id = f"barrier-{next(self._ids)}"
        self.cancel(id)
        return self.heard("error", id=id)

    def wait_closed(self):
        """Waits for the end of the connection; returns the close code."""
        self.wait(lambda _: self.closed is not None, "the close")
        return self.closed

    def close(self):
        self._connection.__exit__(None, None, None)
        self._reader.join(PATIENCE_S)
