"""Jobs that are cancelled or run out of time: their handlers hear of it, and their slots are free again."""

from harness.process import eventually
from lasting import lasting, server, shown, worker  # noqa: F401 pytest finds them here
from sdks import LONG


def hears(client):
    client.send({"op": "subscribe", "topic": "cancelled"})
    client.barrier()


def sleeping(client, count, **fields):
    """Jobs whose handlers are at it: they have begun before one that has ended."""
    ids = client.submit_many([LONG] * count, queue="sleep", **fields)
    client.result(client.submit("well", queue="echo"))
    return ids, [client.heard("started", id=id)["job"] for id in ids]


def test_the_handler_hears_of_it(server, worker, client):
    hears(client)
    (id,), (job,) = sleeping(client, 1)
    client.cancel(id)
    assert client.outcome(id)["ev"] == "cancelled"
    client.heard("message", topic="cancelled", data=job)
    eventually(lambda: server.metric("acequia_slots_held") == server.metric("acequia_slots_busy") == 0, "the slots")


def test_slots_are_used_again(server, worker, client):
    for _ in range(10):
        ids = client.submit_many([LONG] * 4, queue="sleep")
        for id in ids:
            client.heard("started", id=id)
        for id in ids:
            client.cancel(id)
    assert client.result(client.submit("well", queue="echo")) == "well"
    eventually(lambda: server.metric("acequia_slots_free") == 4, "all slots")


def test_one_of_several(server, worker, client):
    """The others do not hear of it."""
    hears(client)
    ids, jobs = sleeping(client, 3)
    client.cancel(ids[1])
    client.heard("message", topic="cancelled", data=jobs[1])
    assert client.result(client.submit("well", queue="echo")) == "well"
    assert [event["data"] for event in client.events if event["ev"] == "message"] == [jobs[1]]
    for id in (ids[0], ids[2]):
        client.cancel(id)


def test_one_that_waits(server, worker, client):
    """The worker never sees it."""
    ids = client.submit_many([LONG] * 4, queue="sleep")
    for id in ids:
        client.heard("started", id=id)
    waits = client.submit("never", queue="echo")
    client.heard("accepted", id=waits)
    client.cancel(waits)
    assert client.outcome(waits)["ev"] == "cancelled"
    for id in ids:
        client.cancel(id)
    assert client.result(client.submit("well", queue="echo")) == "well"
    assert "started" not in client.names(waits)


def test_its_time_is_over(server, worker, client):
    hears(client)
    (id,), _ = sleeping(client, 1, timeout_ms=1500)
    outcome = client.outcome(id)
    assert (outcome["ev"], outcome["code"]) == ("failed", "timeout")
    client.heard("message", topic="cancelled", data=outcome["job"])
    eventually(lambda: server.metric("acequia_slots_free") == 4, "its slot")


def test_one_that_has_just_ended(server, worker, client):
    """The cancel and the result cross: one of the two is the outcome, and the lane is none the worse."""
    ids = []
    for n in range(200):
        ids.append(client.submit(n, queue="echo"))
        client.cancel(ids[-1])
    assert {client.outcome(id)["ev"] for id in ids} <= {"done", "cancelled"}
    eventually(lambda: server.metric("acequia_slots_free") == 4, "all slots")
    assert server.total("acequia_gate_connections_closed_total") == 0
