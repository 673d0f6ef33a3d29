"""GET /v1/admin/jobs/JOB: what the server knows of a job, for whoever operates it."""

from urllib.parse import quote

import pytest

from harness import Admin, Client, Serving, eventually

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_each_state_of_a_job(client, new_worker, admin):
    worker = new_worker(slots=2)
    ids = {
        "delayed": client.submit("delayed", delay_ms=600_000),
        "waiting": client.submit("waiting", queue="nobody"),
        "running": client.submit("running"),
    }
    running = worker.job()
    client.heard("started", id=ids["running"])
    jobs = {state: client.heard("accepted", id=id)["job"] for state, id in ids.items()}
    assert jobs["running"] == running.name
    for state, job in jobs.items():
        known = admin.job(job)
        assert known["state"] == state
        assert known["queue"] == ("nobody" if state == "waiting" else "default")
    client.cancel(ids["delayed"])
    client.outcome(ids["delayed"])
    assert admin.job(jobs["delayed"])["state"] == "cancelled"
    worker.done(running, b'{"a": 1}')
    client.result(ids["running"])
    known = admin.job(jobs["running"])
    assert (known["state"], known["result"]) == ("done", {"a": 1})
    failing = client.submit("failing", attempts=2)
    job = worker.job()
    client.heard("accepted", id=failing)
    worker.fail(job, code="no_luck", message="first")
    client.heard("retrying", id=failing)
    assert admin.job(job.name)["state"] in ("delayed", "waiting", "running")
    worker.fail(worker.job(), code="no_luck", message="second")
    client.outcome(failing)
    known = admin.job(job.name)
    assert [known[key] for key in ("state", "code", "message", "attempt")] == ["failed", "no_luck", "second", 2]
    assert known["ended_ms"] > 1_600_000_000_000


def test_results_of_all_types(client, new_worker, admin):
    worker = new_worker()
    for body, type, result in (
        (b'"json"', None, "json"), ("tëxt".encode(), "text/plain", "tëxt"),
        (b"\x00\xff", "application/octet-stream", {"$base64": "AP8="}), (b"1", "application/json", 1),
    ):
        id = client.submit("text", key=f"key {type}")
        job = worker.job()
        worker.done(job, body, type)
        assert client.result(id) == result
        assert admin.ended(job.name)["result"] == result


def test_a_job_that_was_never_there(admin):
    assert admin.job(UNKNOWN) is None


@pytest.mark.parametrize("name", ["x", "1", UNKNOWN[:-1], UNKNOWN + "0", "%00", "..%2f..", "ü" * 50])
def test_names_that_are_none(server, admin, name):
    status, body = admin.call("GET", f"jobs/{quote(name, safe='%')}")
    assert 400 <= status < 500 and body["code"] in ("bad_request", "not_found") and body["message"]
    server.check()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_change_nothing(client, admin, server, method):
    job = client.heard("accepted", id=client.submit("text"))["job"]
    status, _, _ = admin.request(method, f"/v1/admin/jobs/{job}")
    assert status in (404, 405)
    assert admin.job(job)["state"] == "waiting"


def test_what_is_kept_leaves_with_time(new_server, make):
    server = new_server("--retention-s", "1")
    client, admin = make(Client(server)), make(Admin(server))
    job = client.heard("accepted", id=client.submit("text"))["job"]
    make(Serving(server))
    client.outcome(1)
    assert admin.job(job)["state"] == "done"
    eventually(lambda: admin.job(job) is None, "the outcome to be forgotten")
