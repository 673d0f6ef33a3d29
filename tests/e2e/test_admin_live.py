"""Everything as it goes on, over server-sent events."""

import http.client
import json
import re

import pytest

from harness import Server



class Live:
    """A stream; its connection is closed with the test."""

    def __init__(self, server):
        self._connection = http.client.HTTPConnection(*server.address("http"), timeout=30)
        self._connection.request("GET", "/v1/admin/live", headers=server.operator())
        self._response = self._connection.getresponse()
        self.status = self._response.status

    def close(self):
        self._response.close()
        self._connection.close()

    def next(self):
        """Name and data of the next event; nothing at the end."""
        event = {}
        while line := self._response.readline().decode():
            if line == "\n" and event:
                return event["event"], json.loads(event["data"])
            key, _, value = line.rstrip("\n").partition(": ")
            event[key] = value
        return None

    def tick(self, is_it):
        """The first tick that is so."""
        while True:
            name, data = self.next()
            if name == "tick" and is_it(data):
                return data


@pytest.fixture
def live(server, make):
    return make(Live(server))


def test_a_stream_may_end(server):
    status, _, text = server.get("/v1/admin/live?ticks=1", server.operator())
    assert status == 200
    assert re.findall("^event: (.*)$", text, re.M) == ["history", "now", "tick"]
    assert server.get("/v1/admin/live?ticks=0", server.operator())[2].count("event: ") == 2
    for bad in ("ticks=-1", "ticks=x", "tocks=1"):
        assert server.get(f"/v1/admin/live?{bad}", server.operator())[0] == 400


@pytest.mark.not_at_door("the live stream names the ports of the owner")
def test_first_the_history_then_what_goes_on(server, client, new_worker, live, admin):
    name, history = live.next()
    assert name == "history" and history["interval_ms"] == 2000
    assert all(len(list) == history["points"] for list in history["all"].values())
    name, now = live.next()
    assert name == "now" and "point" not in now and now["at_ms"] == history["until_ms"]
    assert (now["server"]["http"], now["queues"], now["workers"]) == (server.http, [], [])
    worker = new_worker(name="w", slots=2, queues=["red"])
    ids = [client.submit(n, queue="red") for n in range(3)]
    client.accepted(ids)
    jobs = [worker.job(), worker.job()]
    tick = live.tick(lambda tick: tick["point"]["all"]["waiting"] == 1)
    assert tick["at_ms"] > history["until_ms"]
    assert tick["server"]["http"] == server.http and tick["server"]["live_jobs"] == 3
    assert tick["point"]["queues"]["red"]["running"] == 2
    (queue,) = tick["queues"]
    assert (queue["queue"], queue["waiting"], queue["slots_busy"]) == ("red", 1, 2)
    (told,) = tick["workers"]
    assert {run["job"] for run in told["jobs"]} == {job.name for job in jobs}
    assert (tick["more_workers"], tick["pools"], tick["failures"]) == (False, [], [])
    worker.fail(jobs[0], message="no luck", retry=False)
    tick = live.tick(lambda tick: tick["failures"])
    assert [letter["message"] for letter in tick["failures"]] == ["no luck"]
    assert "payload" not in tick["failures"][0]


def test_whoever_comes_later_sees_what_was(server, client, new_serving, live, make):
    new_serving()
    for n in range(5):
        client.result(client.submit(n))
    done = live.tick(lambda tick: tick["point"]["all"]["done"])["point"]["all"]["done"]
    _, history = make(Live(server)).next()
    assert sum(history["all"]["done"]) >= done > 0
    queue = history["queues"]["default"]
    assert len(queue["done"]) == history["points"] and sum(queue["done"]) == sum(history["all"]["done"])
    assert any(p50 is not None for p50 in queue["waiting_p50_ms"])


def test_it_ends_with_the_server(make):
    server = Server("--grace-s", "0")
    stream = make(Live(server))
    assert stream.next()[0] == "history"
    assert server.stop() == 0
    while stream.next():
        pass


def test_so_many_streams_and_no_more(server, make):
    streams = [make(Live(server)) for _ in range(101)]
    assert [stream.status for stream in streams] == [200] * 100 + [503]
    streams[0].close()
    for stream in streams[1:100]:
        assert stream.next()[0] == "history"
