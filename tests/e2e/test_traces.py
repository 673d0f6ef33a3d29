"""Jobs that are part of a trace: `traceparent` from the client to the worker and back."""

import uuid

import pytest

from harness import Admin, Client, Worker, acequia_worker, eventually
from harness.server import starts_not

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{PARENT}-01"


def span_of(job, trace=TRACE, flags="01"):
    """The job's own span."""
    return f"00-{trace}-{uuid.UUID(job).hex[16:]}-{flags}"


def begun_by(job):
    return span_of(job, uuid.UUID(job).hex)


@pytest.fixture(params=["json", "msgpack"])
def encoding(request):
    return request.param


@pytest.fixture
def kept_server(new_server, tmp_path):
    return new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")


def test_a_trace_goes_to_the_worker_and_back(server, encoding):
    with Client(server, encoding) as client, Worker(server) as worker:
        for given, flags in ((GIVEN, "01"), (f"{GIVEN[:-2]}00", "00"), (f"cc{GIVEN[2:]}-more", "01")):
            done, failed, cancelled = (client.submit(1, traceparent=given) for _ in range(3))
            for id, end in ((done, lambda job: worker.done(job, b"1")), (failed, worker.fail)):
                job = worker.job()
                span = span_of(job.name, flags=flags)
                assert job.head["meta"] == {"traceparent": span}
                assert client.heard("accepted", id=id)["traceparent"] == span
                assert "traceparent" not in client.heard("started", id=id)
                end(job)
                assert client.outcome(id)["traceparent"] == span
            job = worker.job()
            client.cancel(cancelled)
            assert client.outcome(cancelled)["traceparent"] == span_of(job.name, flags=flags)
            worker.expect("cancel")
            worker.done(job, b"1")


def test_each_run_has_the_same_span(server):
    with Client(server) as client, Worker(server) as worker:
        client.submit(1, traceparent=GIVEN, attempts=2)
        first = worker.job()
        worker.fail(first)
        second = worker.job()
        assert (second.head["attempt"], second.head["meta"]) == (2, first.head["meta"])
        worker.done(second, b"1")


def test_without_a_trace_there_is_none(server, encoding):
    # That of the request that opens the WebSocket is not looked at.
    headers = {"traceparent": GIVEN}
    with Client(server, encoding, headers=headers) as client, Worker(server) as worker:
        for fields in ({}, {"traceparent": None}):
            id = client.submit(1, **fields)
            job = worker.job()
            assert job.head["meta"] == {}
            client.heard("accepted", id=id)
            worker.done(job, b"1")
            client.result(id)
            assert not any("traceparent" in event for event in client.of(id))


@pytest.mark.parametrize(("given", "says"), [
    ("", "VERSION-TRACE-PARENT-FLAGS"), (GIVEN[:-1], "lower-case hex"), (GIVEN.upper(), "lower-case hex"),
    (f"{GIVEN}-more", "VERSION-TRACE-PARENT-FLAGS"), (f"ff{GIVEN[2:]}", "ff"),
    (GIVEN.replace(TRACE, "0" * 32), "trace id is all zeros"),
    (GIVEN.replace(PARENT, "0" * 16), "parent id is all zeros"),
])
def test_what_is_no_traceparent_is_refused(server, encoding, given, says):
    with Client(server, encoding) as client:
        refused = client.outcome(client.submit(1, traceparent=given))
        assert (refused["ev"], refused["code"]) == ("rejected", "bad_request")
        assert "`traceparent`" in refused["message"] and says in refused["message"]


def test_a_trace_survives_the_server(kept_server, make):
    server, admin = kept_server, make(Admin(kept_server))
    with Client(server) as client:
        client.send({"op": "hello", "resume": True})
        secret = client.heard("welcome")["session"]
        id = client.submit(1, traceparent=GIVEN)
        accepted = client.heard("accepted", id=id)
        server.crash()
    span = span_of(accepted["job"])
    with Worker(server) as worker:
        job = worker.job()
        assert job.head["meta"] == {"traceparent": span}
        worker.done(job, b"1")
        eventually(lambda: admin.ended(accepted["job"]), "its end")
    server.wait_written()
    server.crash()
    with Client(server) as client:
        client.send({"op": "hello", "resume": secret, "last": accepted["seq"]})
        assert client.outcome(id)["traceparent"] == span


def test_a_redriven_job_goes_on_with_the_trace(kept_server, make):
    server, admin = kept_server, make(Admin(kept_server))
    with Client(server) as client, Worker(server) as worker:
        id = client.submit(1, traceparent=GIVEN)
        job = worker.job()
        client.heard("accepted", id=id)
        worker.fail(job)
        client.outcome(id)
    server.wait_written()
    server.crash()
    letter = admin.get(f"dead-letters/{job.name}")
    assert letter["traceparent"] == span_of(job.name)
    with Worker(server) as worker:
        as_job = admin.do("POST", f"dead-letters/{job.name}/redrive")["job"]
        again = worker.job()
        assert (again.name, again.head["meta"]) == (as_job, {"traceparent": span_of(as_job)})
        assert admin.get(f"jobs/{as_job}")["traceparent"] == span_of(as_job)
        worker.done(again, b"1")
        assert eventually(lambda: admin.ended(as_job), "its end")["traceparent"] == span_of(as_job)


def test_jobs_may_begin_traces(new_server):
    server = new_server("--trace-ratio", "1")
    with Client(server) as client, Worker(server) as worker:
        id = client.submit(1)
        job = worker.job()
        assert job.head["meta"] == {"traceparent": begun_by(job.name)}
        assert client.heard("accepted", id=id)["traceparent"] == begun_by(job.name)
        worker.done(job, b"1")
        assert client.outcome(id)["traceparent"] == begun_by(job.name)
        client.submit(1, traceparent=GIVEN)
        job = worker.job()
        assert job.head["meta"] == {"traceparent": span_of(job.name)}
        worker.done(job, b"1")


@pytest.mark.parametrize("ratio", ["-1", "1.5", "nan", "all"])
def test_what_is_no_share_is_refused(ratio):
    assert "--trace-ratio" in (said := starts_not(f"--trace-ratio={ratio}")) and ratio.strip("-") in said.lower()


def test_a_command_finds_its_span(server, client):
    acequia_worker(server, "--", "env", env={"TRACEPARENT": "the worker's own", "TRACESTATE": "likewise"})

    def seen(**fields):
        id = client.submit(1, **fields)
        lines = client.result(id).splitlines()
        return client.heard("done", id=id)["job"], [line for line in lines if line.startswith("TRACE")]

    job, traces = seen(traceparent=GIVEN)
    assert traces == [f"TRACEPARENT={span_of(job)}"]
    assert seen()[1] == []
