"""Jobs over HTTP at a door: whoever may call there is answered by the owner, as if it had been called itself."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import Client, Serving, Worker
from harness.api import Api, Events
from harness.tokens import SECRET, token

MIB = 1 << 20


def test_whoever_waits_at_one_door_is_answered_from_another(doors, make):
    _, here, there = doors
    worker = make(Worker(there))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(Api(here).submit, b"\x00\xff", type="image/png", Prefer="wait=30")
        job = worker.job()
        assert (job.head["type"], job.body) == ("image/png", b"\x00\xff")
        told = Api(there).get(f"/v1/jobs/{job.name}").json
        assert told["state"] == "running"
        worker.done(job, b"words", type="text/plain")
        answer = waiting.result()
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "text/plain", b"words")
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert answer.headers["Location"] == f"/v1/jobs/{job.name}"


@pytest.fixture
def large(new_owner, new_door):
    """An owner and a door that take payloads of 8 MiB."""
    flags = ["--payload-bytes", 8 * MIB, "--message-bytes", 16 * MIB]
    owner = new_owner(*flags)
    return owner, new_door(owner, flags=flags)


def test_eight_mib_go_in_and_out(large, make):
    owner, door = large
    make(Serving(door))
    body = os.urandom(8 * MIB)
    answer = Api(door).submit(body, type="application/octet-stream", Prefer="wait=60")
    assert answer.status == 200 and answer.body == body
    # Several at once, and a client by WebSocket beside them.
    client = make(Client(door, "msgpack"))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(Api(door).submit, body, type="application/octet-stream", Prefer="wait=60")
                   for _ in range(4)]
        assert client.result(client.submit(body[:-5])) == body[:-5]
        assert all(one.result().body == body for one in waiting)
    for server in large:
        assert server.peak_mib() < 500, (server.peak_mib(), server.process.log())


def test_what_is_too_large_is_refused(large):
    """By a door as by a server, and the connection to its owner is as good as before."""
    _, door = large
    api = Api(door)
    for _ in range(3):
        refused = api.submit(b"x" * (8 * MIB + 1), type="text/plain").refused(413, "too_large")
        assert str(8 * MIB) in refused["detail"]
    assert api.submit("1").status == 202


def test_events_are_followed_at_one_door_and_then_at_another(doors, make):
    _, here, there = doors
    worker = make(Worker(there))
    name = Api(here).submit("1").json["job"]
    job = worker.job()
    events = make(Events(Api(here), name))
    assert events.response.headers["Content-Type"] == "text/event-stream"
    assert events.response.headers["X-Accel-Buffering"] == "no"
    assert [events.next()[0] for _ in range(2)] == ["accepted", "started"]
    # Each comes when it happens, not when there are enough.
    for nth in range(3):
        worker.progress(job, done=nth)
        event, number, data = events.next()
        assert (event, data["done"]) == ("progress", nth)
    events.close()
    again = make(Events(Api(there), name, Last_Event_ID=number))
    worker.done(job, b'"x"')
    event, number, data = again.next()
    assert (event, data["result"]) == ("done", "x")
    assert again.next() is None
    assert Api(here).get(f"/v1/jobs/{name}/events", Last_Event_ID=number).status == 204


def test_a_caller_that_hangs_up_takes_its_job_along(doors, make):
    """If that is what it wanted."""
    _, here, there = doors
    worker = make(Worker(there))
    waiting = Api(here).begin("POST", "/v1/queues/default/jobs?on_disconnect=cancel", "1",
                              Content_Type="application/json", Prefer="wait=300")
    job = worker.job()
    waiting.close()
    assert worker.expect("cancel").id == job.id
    assert Api(there).get(f"/v1/jobs/{job.name}").json["state"] == "cancelled"


def test_pages_of_other_origins(new_owner, new_door):
    """The door knows whom it lets in; the owner need not."""
    owner = new_owner()
    door = new_door(owner, flags=["--allow-origin", "https://app.example", "--own-name", "jobs.lan"])
    api = Api(door)
    problem = api.submit("1", Origin="https://evil.example").refused(403, "forbidden")
    assert "--allow-origin https://evil.example" in problem["detail"]
    answer = api.submit("1", Origin="https://app.example")
    assert answer.status == 202 and answer.headers.get_all("Access-Control-Allow-Origin") == ["https://app.example"]
    assert "location" in answer.headers["Access-Control-Expose-Headers"]
    asked = api.call("OPTIONS", "/v1/queues/default/jobs", Origin="https://app.example",
                     Access_Control_Request_Method="POST", Access_Control_Request_Headers="idempotency-key")
    assert asked.status == 204 and "POST" in asked.headers["Access-Control-Allow-Methods"]
    asked = api.call("OPTIONS", "/v1/queues/default/jobs", Origin="https://evil.example",
                     Access_Control_Request_Method="POST")
    assert "Access-Control-Allow-Origin" not in asked.headers
    own = f"jobs.lan:{door.address('http')[1]}"
    assert api.submit("1", Host=own, Origin=f"http://{own}").status == 202
    # What is refused here has not reached the owner.
    assert owner.metric("acequia_jobs_submitted_total", queue="default") == 2


def test_answers_keep_other_pages_out(doors):
    """Once, although two servers have seen to it."""
    owner, here, _ = doors
    for path in ("/v1/jobs/none", "/v1/admin/queues", "/", "/readyz", "/none"):
        _, headers, _ = here.get(path, owner.operator())
        assert len(headers.get_all("content-security-policy")) == 1, path
        assert headers["x-content-type-options"] == "nosniff"


def test_nobody_calls_in_anothers_name(doors):
    """What a door tells its owner of a caller is not taken from the caller."""
    owner, here, _ = doors
    for server in (owner, here):
        answer = Api(server).submit("1", acequia_caller="10.9.8.7:1")
        assert answer.status == 202
    assert not [line for line in owner.process.stderr + here.process.stderr if "10.9.8.7" in line]


def test_a_token_that_the_owner_does_not_know(new_owner, new_door, tmp_path):
    """Both ask: a door that is set up otherwise lets nobody in."""
    (tmp_path / "secret").write_text(SECRET)
    owner = new_owner("--client-auth", "jwt", "--jwt-secret-file", tmp_path / "secret")
    open_door = new_door(owner)
    Api(open_door).submit("1").refused(401, "unauthorized")
    assert Api(open_door, token()).submit("1").status == 202


def test_addresses_have_their_places(new_owner, new_door):
    """Those who wait at a door are counted there, by where they come from."""
    owner = new_owner()
    door = new_door(owner, flags=["--address-connections", 3])
    waiting = [Api(door).begin("POST", "/v1/queues/nobody/jobs", "1", Content_Type="application/json", Prefer="wait=300")
               for _ in range(3)]
    owner.wait_metric("acequia_jobs_submitted_total", 3, queue="nobody")
    assert door.get("/v1/jobs/none")[0] == 429
    assert owner.get("/healthz")[0] == 200
    for connection in waiting:
        connection.close()


def test_a_thousand_wait_at_once(doors, make):
    owner, here, there = doors
    waiting = [
        Api(here).begin("POST", "/v1/queues/default/jobs", str(n), Content_Type="application/json", Prefer="wait=300")
        for n in range(1000)
    ]
    owner.wait_metric("acequia_jobs_submitted_total", 1000, queue="default")
    make(Serving(there, slots=64))
    for n, connection in enumerate(waiting):
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, str(n).encode())
        connection.close()


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/asyncapi.json", "/", "/dashboard", "/client/index.js"])
def test_what_is_to_be_read_is_there(doors, path):
    owner, here, _ = doors
    status, headers, text = here.get(path)
    assert status == 200 and text
    assert headers["content-type"] == owner.get(path)[1]["content-type"]
    if path == "/v1/openapi.json":
        assert json.loads(text) == json.loads(owner.get(path)[2])
