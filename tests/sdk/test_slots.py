"""A worker of several slots runs as many jobs at a time, and no more."""

from sdks import LONG

SLOTS = 8


def test_all_are_taken(server, client, new_worker):
    new_worker(server, slots=SLOTS)
    server.wait_workers(1)
    assert server.metric("acequia_slots_free") == SLOTS


def test_none_waits_for_another(server, client, new_worker):
    """The last of them gets its answer although the others are busy for long, and these do run."""
    new_worker(server, slots=SLOTS)
    server.wait_workers(1)
    client.send({"op": "subscribe", "topic": "cancelled"})
    long = client.submit_many([LONG] * (SLOTS - 1), queue="sleep")
    jobs = {client.heard("started", id=id)["job"] for id in long}
    for n in range(20):
        assert client.result(client.submit(n, queue="echo")) == n
    for id in long:
        client.cancel(id)
    # Each says so itself, so each was at it.
    heard = client.wait(lambda events: len(told(events)) == len(long) and told(events), "their last words")
    assert set(heard) == jobs


def told(events):
    return [event["data"] for event in events if event["ev"] == "message"]


def test_no_more_than_slots(server, admin, client, new_worker):
    new_worker(server, slots=SLOTS)
    server.wait_workers(1)
    ids = client.submit_many([LONG] * (SLOTS + 1), queue="sleep")
    for id in ids[:SLOTS]:
        client.heard("started", id=id)
    assert admin.get("queues/sleep")["waiting"] == 1
    client.cancel(ids[0])
    client.heard("started", id=ids[-1])


def test_many_at_once(server, client, new_worker):
    """They come packed, and leave so."""
    new_worker(server, slots=64)
    server.wait_workers(1)
    payloads = [f"drop {n}" for n in range(2000)]
    ids = client.submit_many(payloads, queue="echo")
    assert [client.result(id) for id in ids] == payloads
    assert server.total("acequia_worker_messages_dropped_total") == 0


def test_large_ones_at_once(server, client, new_worker):
    """No message is larger than the server takes, however many large results wait to be sent."""
    new_worker(server, slots=32)
    server.wait_workers(1)
    payloads = [f"{n} {'w' * 300_000}" for n in range(32)]
    ids = [client.submit(payload, queue="echo") for payload in payloads]
    assert [client.result(id) for id in ids] == payloads
    assert server.metric("acequia_workers") == 1
