"""Jobs over HTTP: a backend submits, waits, asks and cancels."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import Client, Serving, Worker
from harness.api import Api, Events, answer_of
from harness.process import eventually
from harness.tokens import SECRET, token


@pytest.fixture
def api(server):
    return Api(server)


@pytest.fixture
def guarded(new_server, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    return new_server("--client-auth", "jwt", "--jwt-secret-file", tmp_path / "secret")


def test_whoever_waits_gets_the_result(api, new_serving):
    new_serving(lambda job: json.dumps(json.loads(job.body)[::-1]).encode())
    answer = api.submit('"hello"', Prefer="wait=10")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "application/json", b'"olleh"')
    assert answer.headers["Preference-Applied"] == "wait=10"
    job = answer.headers["Location"].removeprefix("/v1/jobs/")
    assert api.get(f"/v1/jobs/{job}").json["state"] == "done"
    assert api.get(f"/v1/jobs/{job}/result").body == b'"olleh"'


@pytest.mark.parametrize("type, sent, got", [
    ("image/png", b"\x89PNG\r\n\x1a\n" + os.urandom(4000), "image/png"),
    ("application/x-www-form-urlencoded", b"a=1&b=2", "application/x-www-form-urlencoded"),
    ("application/json; charset=utf-8", b' {"a" :1}', "application/json"),
    ("text/plain;charset=UTF-8", "grüße".encode(), "text/plain"),
    ("application/msgpack", b"\x81\xa1a\x01", "application/msgpack"),
    ("application/octet-stream", b"", "application/octet-stream"),
])
def test_bytes_go_in_and_out_as_they_are_with_their_type(api, new_serving, type, sent, got):
    seen = []
    new_serving(lambda job: seen.append((job.head["type"], job.body)) or job.body)
    answer = api.submit(sent, type=type, Prefer="wait=10")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, got, sent)
    assert seen == [(got, sent)]


def test_whoever_does_not_wait_asks_later(api, new_worker):
    worker = new_worker()
    answer = api.submit("1", query="?priority=9&id=mine")
    taken = answer.json
    assert answer.status == 202 and answer.headers["Location"] == f"/v1/jobs/{taken['job']}"
    assert taken["id"] == "mine" and taken["state"] in ("waiting", "running")
    job = worker.job()
    assert job.name == taken["job"]
    told = api.get(f"/v1/jobs/{job.name}").json
    assert (told["state"], told["queue"], told["attempt"], told["id"]) == ("running", "default", 1, "mine")
    api.get(f"/v1/jobs/{job.name}/result").refused(404, "not_ended")
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(api.get, f"/v1/jobs/{job.name}{what}?wait=30") for what in ("", "/result")]
        worker.done(job, b'"x"')
        told, result = (one.result() for one in waiting)
    assert told.json["state"] == "done" and told.json["result_type"] == "application/json"
    assert result.body == b'"x"'


def test_a_wait_that_is_over_is_answered_with_where_the_job_is(api, new_worker):
    worker = new_worker()
    answer = api.submit("1", Prefer="wait=0")
    assert answer.status == 202 and answer.headers["Preference-Applied"] == "wait=0"
    job = worker.job()
    assert api.get(f"/v1/jobs/{job.name}?wait=0").json["state"] == "running"
    # It is told where the job is by then, not where it was when somebody asked.
    later = api.submit("1", queue="later", query="?delay_ms=200").json
    assert later["state"] == "delayed"
    assert api.get(f"/v1/jobs/{later['job']}?wait=2").json["state"] == "waiting"


def test_a_job_that_fails_is_a_problem(api, new_worker):
    worker = new_worker()
    waiting = api.begin("POST", "/v1/queues/default/jobs", "1", Content_Type="application/json", Prefer="wait=30")
    job = worker.job()
    worker.fail(job, code="no_water", message="the well is dry")
    problem = answer_of(waiting).refused(422, "no_water")
    assert (problem["job"], problem["detail"], problem["attempt"]) == (job.name, "the well is dry", 1)
    told = api.get(f"/v1/jobs/{job.name}").json
    assert (told["state"], told["code"], told["message"]) == ("failed", "no_water", "the well is dry")
    api.get(f"/v1/jobs/{job.name}/result").refused(404, "no_water")


def test_a_job_is_cancelled_once(api, new_worker):
    worker = new_worker()
    waiting = api.begin("POST", "/v1/queues/default/jobs", "1", Content_Type="application/json", Prefer="wait=30")
    job = worker.job()
    assert api.call("DELETE", f"/v1/jobs/{job.name}").json == {"job": job.name, "state": "cancelled"}
    answer_of(waiting).refused(409, "cancelled")
    worker.expect("cancel")
    api.call("DELETE", f"/v1/jobs/{job.name}").refused(409, "has_ended")


def test_the_same_key_is_the_same_job(api, new_serving):
    runs = []
    new_serving(lambda job: runs.append(job.body) or b'"ran"')
    first = api.submit("1", Idempotency_Key="order-17", Prefer="wait=10")
    again = [api.submit("2", Idempotency_Key=key, Prefer="wait=10") for key in ("order-17", '"order-17"')]
    described = api.submit_json({"payload": 3, "key": "order-17"}, Prefer="wait=10")
    assert {answer.body for answer in (first, *again, described)} == {b'"ran"'}
    assert runs == [b"1"]
    assert len({answer.headers["Location"] for answer in (first, *again, described)}) == 1
    api.submit("1", Idempotency_Key="k" * 129).refused(400, "bad_request")
    api.submit_json({"payload": 1, "key": "a"}, Idempotency_Key="b").refused(400, "bad_request")
    api.submit_json([{"payload": 1}], Idempotency_Key="b").refused(400, "bad_request")


def test_many_are_answered_in_their_order(api, new_serving):
    new_serving()
    answer = api.submit_json(
        [{"payload": 1}, {"payload": 2, "prio": 1}, {"payload": 3, "id": "c"}, 7, {"payload": 4, "id": "c"},
         {"op": "submit", "payload": 5, "queue": "nobody"}], Prefer="wait=1")
    assert answer.status == 202 and answer.headers["Preference-Applied"] == "wait=1"
    first, second, third, fourth, fifth, sixth = answer.json
    assert first["state"] == third["state"] == "done" and third["id"] == "c"
    assert (second["status"], fourth["status"], fifth["status"]) == (400, 400, 409)
    assert "`prio`" in second["detail"] and (fifth["code"], fifth["id"]) == ("duplicate_id", "c")
    assert sixth["state"] == "waiting" and "id" not in sixth
    assert api.get(f"/v1/jobs/{first['job']}/result").body == b"1"
    assert api.submit_json([]).json == []


@pytest.mark.parametrize("body, says", [
    ("{", "in JSON"),
    ('{"payload":1,"id":[]}', "`id`"),
    ('{"queue":"q"}', "`payload`"),
    ('{"op":"cancel","id":1}', "submit"),
    ("1", "a number"),
    ("", "nothing"),
])
def test_what_describes_no_job_is_told_why(api, body, says):
    problem = api.call("POST", "/v1/jobs", body, Content_Type="application/json").refused(400, "bad_request")
    assert says in problem["detail"], problem


@pytest.mark.parametrize("query, says", [
    ("?priority=10", "`priority` is 10; it must be from 0 to 9"),
    ("?priority=high", "`priority`"),
    ("?prio=1", "nothing is called `prio`"),
    ("?timeout_ms=0", "`timeout_ms` is 0"),
    ("?on_disconnect=sing", "`on_disconnect`"),
])
def test_options_are_held_against_their_limits(api, query, says):
    problem = api.submit("1", query=query).refused(400, "bad_request")
    assert says in problem["detail"], problem


def test_bad_calls_are_refused_with_a_word(api):
    api.submit("{").refused(400, "bad_request")
    api.submit("1", queue="no%20name").refused(400, "bad_request")
    assert "1048576" in api.submit(b"x" * ((1 << 20) + 1), type="text/plain").refused(413, "too_large")["detail"]
    api.call("POST", "/v1/jobs", "x", Content_Type="text/plain").refused(415, "bad_request")
    api.get("/v1/jobs/17").refused(400, "bad_request")
    api.get("/v1/jobs/01938c2e-7a3b-7c4d-9e5f-60718293a4b5").refused(404, "not_found")
    api.get("/v1/jobs/01938c2e-7a3b-7c4d-9e5f-60718293a4b5/events").refused(404, "not_found")
    api.get("/v1/jobs/01938c2e-7a3b-7c4d-9e5f-60718293a4b5?wait=301").refused(400, "bad_request")
    api.call("PUT", "/v1/jobs/17").refused(405, "bad_request")


def test_a_large_payload_goes_through(api, new_serving):
    new_serving()
    body = os.urandom(1 << 20)
    assert api.submit(body, type="image/png", Prefer="wait=30").body == body


def test_a_caller_that_hangs_up_does_not_lose_its_job(api, new_worker):
    worker = new_worker()
    waiting = api.begin("POST", "/v1/queues/default/jobs", "1", Content_Type="application/json", Prefer="wait=300")
    job = worker.job()
    waiting.close()
    worker.done(job, b'"done all the same"')
    assert api.get(f"/v1/jobs/{job.name}/result?wait=30").body == b'"done all the same"'


def test_a_job_may_end_with_its_call(api, new_worker):
    worker = new_worker()
    path = "/v1/queues/default/jobs?on_disconnect=cancel"
    waiting = api.begin("POST", path, "1", Content_Type="application/json", Prefer="wait=300")
    job = worker.job()
    waiting.close()
    worker.expect("cancel")
    assert api.get(f"/v1/jobs/{job.name}").json["state"] == "cancelled"


def test_events_come_as_they_happen_and_end_with_the_outcome(api, new_worker, make):
    worker = new_worker(name="w")
    taken = api.submit("1").json
    job = worker.job()
    events = make(Events(api, taken["job"]))
    assert events.response.headers["Content-Type"] == "text/event-stream"
    assert events.response.headers["X-Accel-Buffering"] == "no"
    accepted, started = events.next(), events.next()
    assert [event[0] for event in (accepted, started)] == ["accepted", "started"]
    assert started[2]["worker"] == "w"
    worker.progress(job, done=1, total=2)
    progress = events.next()
    assert (progress[0], progress[2]["done"]) == ("progress", 1)
    assert accepted[1] < started[1] < progress[1]
    # The connection breaks: what was seen is not told again.
    events.close()
    worker.chunk(job, b'"lost"')
    events = make(Events(api, job.name, Last_Event_ID=progress[1]))
    eventually(lambda: worker.chunk(job, b'"part"') or True, "a chunk is sent")
    chunk = events.next()
    assert chunk[0] == "chunk" and chunk[1] > progress[1]
    worker.done(job, b'"x"')
    while (event := events.next())[0] == "chunk":
        pass
    assert (event[0], event[2]["result"], event[2]["job"]) == ("done", "x", job.name)
    assert events.next() is None, "the stream is over"
    # Who comes later is told at once, and who has seen it that there is no more.
    assert make(Events(api, job.name)).next()[0] == "done"
    assert api.get(f"/v1/jobs/{job.name}/events", Last_Event_ID=event[1]).status == 204


def test_a_page_watches_what_a_backend_submits(api, new_worker, client):
    worker = new_worker(name="w")
    taken = api.submit("1").json
    client.send({"op": "watch", "id": "mine", "job": taken["job"]})
    client.heard("accepted", id="mine", job=taken["job"])
    client.heard("started", id="mine", worker="w")
    job = worker.job()
    worker.progress(job, note="half")
    client.heard("progress", id="mine", note="half")
    worker.done(job, b'"x"')
    assert client.heard("done", id="mine")["result"] == "x"
    client.send({"op": "watch", "id": 2, "job": taken["job"]})
    assert client.heard("done", id=2)["result"] == "x"
    client.send({"op": "watch", "id": 3, "job": "01938c2e-7a3b-7c4d-9e5f-60718293a4b5"})
    assert client.heard("error", id=3)["code"] == "not_found"


def test_a_batch_of_a_backend_is_watched(api, new_worker, client):
    worker = new_worker(slots=2)
    api.submit_json([{"payload": n, "batch": "night"} for n in range(2)])
    client.send({"op": "watch", "id": 1, "batch": "night"})
    # It is answered only if there is no such batch; the next op is answered after it.
    client.send({"op": "watch", "id": 2, "batch": "day"})
    assert client.heard("error", id=2)["code"] == "not_found"
    for _ in range(2):
        worker.done(worker.job(), b"1")
    assert client.heard("batch", batch="night")["done"] == 2


def test_a_client_sees_its_own_only(guarded, make):
    worker = make(Worker(guarded))
    alice, bob = (Api(guarded, token(sub=sub)) for sub in ("alice", "bob"))
    Api(guarded).submit("1").refused(401, "unauthorized")
    assert "Bearer" in Api(guarded, "rubbish").submit("1").headers["WWW-Authenticate"]
    job = alice.submit("1").json["job"]
    for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}?wait=1", f"/v1/jobs/{job}/result", f"/v1/jobs/{job}/events"):
        bob.get(path).refused(404, "not_found")
    bob.call("DELETE", f"/v1/jobs/{job}").refused(404, "not_found")
    page = make(Client(guarded, headers={"Authorization": f"Bearer {token(sub='bob')}"}))
    page.send({"op": "watch", "id": 1, "job": job})
    assert page.heard("error", id=1)["code"] == "not_found"
    worker.done(worker.job(), b"1")
    assert alice.get(f"/v1/jobs/{job}?wait=30").json["state"] == "done"
    bob.get(f"/v1/jobs/{job}/result").refused(404, "not_found")
    page = make(Client(guarded, headers={"Authorization": f"Bearer {token()}"}))
    page.send({"op": "watch", "id": 1, "job": job})
    page.heard("done", id=1)


def test_a_token_restricts_calls_as_it_does_sessions(guarded):
    few = Api(guarded, token(acequia={"queues": ["mine"], "jobs": 1}))
    few.submit("1").refused(403, "forbidden")
    assert few.submit("1", queue="mine").status == 202
    refused = few.submit("1", queue="mine")
    assert refused.refused(429, "too_many_jobs")["retry_after_ms"] == 1000
    assert refused.headers["Retry-After"] == "1"
    both = few.submit_json([{"payload": 1}, {"payload": 2, "queue": "mine"}]).json
    assert [one["code"] for one in both] == ["forbidden", "too_many_jobs"]
    slow = Api(guarded, token(sub="slow", acequia={"ops_per_s": 1}))
    answers = [slow.get("/v1/jobs/01938c2e-7a3b-7c4d-9e5f-60718293a4b5") for _ in range(20)]
    assert {answer.status for answer in answers} >= {429}


def test_foreign_pages_are_kept_out_and_allowed_ones_let_in(new_server):
    server = new_server("--allow-origin", "https://app.example")
    api = Api(server)
    for type in ("application/json", "text/plain"):
        problem = api.submit("1", type=type, Origin="https://evil.example").refused(403, "forbidden")
        assert "--allow-origin https://evil.example" in problem["detail"]
    answer = api.submit("1", Origin="https://app.example")
    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "location" in answer.headers["Access-Control-Expose-Headers"]
    asked = api.call("OPTIONS", "/v1/queues/default/jobs", Origin="https://app.example",
                     Access_Control_Request_Method="POST", Access_Control_Request_Headers="idempotency-key")
    assert asked.status == 204 and "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "idempotency-key" in asked.headers["Access-Control-Allow-Headers"]
    asked = api.call("OPTIONS", "/v1/queues/default/jobs", Origin="https://evil.example",
                     Access_Control_Request_Method="POST")
    assert "Access-Control-Allow-Origin" not in asked.headers


def test_outcomes_outlast_a_kill(new_server, tmp_path, make):
    server = new_server("--journal", tmp_path / "j.redb", quiet_ports=True, journal=None)
    api = Api(server)
    count = 100
    waiting = [
        api.begin("POST", "/v1/queues/default/jobs", str(n), Content_Type="application/json", Prefer="wait=300",
                  Idempotency_Key=f"k{n}")
        for n in range(count)
    ]
    ids = [
        eventually(lambda n=n: api.submit("0", Idempotency_Key=f"k{n}").json.get("job"), "it is taken")
        for n in range(count)
    ]
    assert len(set(ids)) == count
    server.process.signal(signal.SIGKILL)
    server.process.wait()
    for connection in waiting:
        connection.close()
    server.start_again()
    runs, lock = [], threading.Lock()

    def run(job):
        with lock:
            runs.append(job.name)
        return job.body

    make(Serving(server, run, slots=16))
    for n, job in enumerate(ids):
        assert api.get(f"/v1/jobs/{job}/result?wait=60").body == str(n).encode()
    assert sorted(runs) == sorted(ids), "each ran once, and nothing else did"


def test_a_server_that_stops_tells_who_waits_where_the_job_is(new_server, tmp_path):
    server = new_server("--journal", tmp_path / "j.redb", "--grace-s", "0", journal=None)
    api = Api(server)
    waiting = api.begin("POST", "/v1/queues/nobody/jobs", "1", Content_Type="application/json", Prefer="wait=300")
    server.wait_metric("acequia_jobs_submitted_total", 1, queue="nobody")
    server.process.signal(signal.SIGTERM)
    answer = answer_of(waiting)
    assert answer.status == 202 and answer.json["state"] == "waiting"
    server.process.wait()
    server.start_again()


@pytest.mark.not_at_door("each call opens a connection of its own to the owner, and as many handshakes at once take too long")
def test_a_thousand_wait_at_once(server, api, make):
    waiting = [
        api.begin("POST", "/v1/queues/default/jobs", str(n), Content_Type="application/json", Prefer="wait=300")
        for n in range(1000)
    ]
    server.wait_metric("acequia_jobs_submitted_total", 1000, queue="default")
    make(Serving(server, slots=64))
    for n, connection in enumerate(waiting):
        answer = answer_of(connection)
        assert (answer.status, answer.body) == (200, str(n).encode())
