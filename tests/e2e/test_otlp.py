"""Spans of traced jobs, at a collector that speaks OTLP."""

import uuid

import pytest

from harness import Client, Server, Worker, eventually
from harness.collector import Collector
from harness.server import acequia_otlp, quiet_port, starts_not

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def collector(make):
    return make(Collector())


@pytest.fixture
def start(new_server, collector):
    """Starts servers that know the collector."""
    def start(*flags, **options):
        return new_server("--otlp-endpoint", collector.url, *flags, binary=acequia_otlp(), **options)

    return start


def fresh():
    """A trace, and what is given to a submit of it."""
    trace = uuid.uuid4().hex
    return trace, f"00-{trace}-{PARENT}-01"


def own_span(job):
    return uuid.UUID(job).hex[16:]


def check_parts(whole, parts):
    """Each is below the whole, within it but for the delivery, and has an id of its own."""
    assert len({whole.id, *(part.id for part in parts)}) == 1 + len(parts)
    for part in parts:
        assert (part.trace, part.parent, part.kind) == (whole.trace, whole.id, "INTERNAL")
        assert whole.began <= part.began <= part.ended
        if part.name == "delivery":
            assert part.began == whole.ended
        else:
            assert part.ended <= whole.ended


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_the_spans_of_a_job(start, collector, encoding):
    server = start()
    trace, given = fresh()
    with Client(server, encoding) as client, Worker(server, name="w", queues=["q"]) as worker:
        client.submit("first in the one slot", queue="q")
        first = worker.job()
        id = client.submit(1, queue="q", priority=7, traceparent=given)
        # It waits, and is known to.
        server.wait_metric("acequia_queue_depth", 1, queue="q")
        worker.done(first, b"1")
        job = worker.job()
        worker.done(job, b"1")
        client.result(id)
    whole, waiting, running, delivery = collector.of(trace, 4)
    assert [span.name for span in (whole, waiting, running, delivery)] == ["job q", "waiting", "running", "delivery"]
    assert (whole.parent, whole.id, whole.kind) == (PARENT, own_span(job.name), "SERVER")
    assert job.head["meta"] == {"traceparent": f"00-{trace}-{whole.id}-01"}
    check_parts(whole, [waiting, running, delivery])
    assert waiting.began < waiting.ended == running.began < running.ended == whole.ended
    common = {"messaging.system": "acequia", "messaging.destination.name": "q", "messaging.message.id": job.name}
    assert whole.attributes == common | {
        "messaging.message.body.size": 1, "acequia.job.outcome": "done", "acequia.job.priority": 7,
        "acequia.job.runs": 1}
    assert waiting.attributes == common | {"acequia.job.attempt": 1}
    assert running.attributes == common | {"acequia.job.attempt": 1, "acequia.worker.name": "w"}
    assert (whole.status, running.status) == ("OK", "UNSET")
    assert whole.service["service.name"] == "acequia" and whole.service["service.version"]


def test_each_run_has_spans(start, collector):
    """One fails, one is lost with its worker, one fails for good."""
    server = start()
    trace, given = fresh()
    with Client(server) as client:
        with Worker(server, name="a") as worker:
            id = client.submit(1, attempts=2, traceparent=given)
            worker.fail(worker.job(), code="dry")
            worker.job()
        with Worker(server, name="b") as worker:
            worker.fail(worker.job(), code="bare", message="nobody else's business")
            assert client.outcome(id)["code"] == "bare"
    spans = collector.of(trace, 8)
    [whole] = [span for span in spans if span.name == "job default"]
    check_parts(whole, [span for span in spans if span is not whole])
    runs = [(span.attributes["acequia.job.attempt"], span.attributes["acequia.worker.name"],
             span.attributes["error.type"], span.status) for span in spans if span.name == "running"]
    assert runs == [(1, "a", "dry", "ERROR"), (2, "a", "worker_lost", "ERROR"), (3, "b", "bare", "ERROR")]
    assert (whole.status, whole.attributes["error.type"], whole.attributes["acequia.job.runs"]) == ("ERROR", "bare", 3)
    assert [span.attributes["acequia.job.attempt"] for span in spans if span.name == "waiting"] == [1, 2, 3]
    assert "nobody else" not in str(spans)


def test_a_job_that_is_cancelled_before_it_runs(start, collector):
    server = start()
    trace, given = fresh()
    with Client(server) as client:
        id = client.submit(1, traceparent=given)
        client.heard("accepted", id=id)
        client.cancel(id)
        client.outcome(id)
    whole, delivery = collector.of(trace, 2)
    assert (whole.name, delivery.name) == ("job default", "delivery")
    assert (whole.status, whole.attributes["acequia.job.outcome"]) == ("UNSET", "cancelled")


def test_only_what_is_sampled_is_sent(collector):
    server = Server("--otlp-endpoint", collector.url, binary=acequia_otlp())
    (not_sampled, unsampled), (trace, sampled) = fresh(), fresh()
    with Client(server) as client, Worker(server, slots=3) as worker:
        ids = [client.submit(1), client.submit(1, traceparent=f"{unsampled[:-2]}00"),
               client.submit(1, traceparent=sampled)]
        for _ in ids:
            worker.done(worker.job(), b"1")
        for id in ids:
            client.result(id)
    collector.of(trace, 4)
    assert server.stop() == 0
    assert {span.trace for span in collector.spans} == {trace} and not_sampled != trace


def test_traces_that_begin_here(start, collector):
    server = start("--trace-ratio", "1")
    with Client(server) as client, Worker(server) as worker:
        id = client.submit(1)
        job = worker.job()
        worker.done(job, b"1")
        client.result(id)
    whole, *parts = collector.of(uuid.UUID(job.name).hex, 4)
    assert (whole.name, whole.parent, whole.id) == ("job default", "", own_span(job.name))
    check_parts(whole, parts)


def test_a_span_that_began_before_a_crash(start, collector, tmp_path):
    server = start(quiet_ports=True, journal=tmp_path / "jobs.redb")
    trace, given = fresh()
    with Client(server) as client:
        id = client.submit(1, traceparent=given)
        client.heard("accepted", id=id)
        server.crash()
    with Worker(server) as worker:
        worker.done(worker.job(), b"1")
        # Nobody is told of the outcome, so nothing is delivered.
        whole, waiting, running = collector.of(trace, 3)
    check_parts(whole, [waiting, running])
    assert whole.parent == PARENT
    # It waited anew from when the server was back.
    assert whole.began < waiting.began


def test_the_last_spans_are_sent_when_the_server_stops(collector):
    server = Server("--otlp-endpoint", collector.url, binary=acequia_otlp())
    trace, given = fresh()
    with Client(server) as client, Worker(server) as worker:
        id = client.submit(1, traceparent=given)
        worker.done(worker.job(), b"1")
        client.result(id)
    assert server.stop() == 0
    assert len([span for span in collector.spans if span.trace == trace]) == 4


def test_a_collector_that_is_away_or_refuses_holds_up_nobody(new_server, make):
    port = quiet_port()
    server = new_server("--trace-ratio", "1", "--otlp-endpoint", f"http://127.0.0.1:{port}", binary=acequia_otlp())

    def some_jobs(client, worker):
        for _ in range(10):
            id = client.submit(1)
            worker.done(worker.job(), b"1")
            client.result(id)

    def lost():
        return server.metric("acequia_spans_dropped_total", reason="failed")

    with Client(server) as client, Worker(server) as worker:
        some_jobs(client, worker)
        eventually(lambda: lost() > 0, "spans that are lost")
        collector = make(Collector(port))
        collector.fails = True
        before = lost()
        some_jobs(client, worker)
        eventually(lambda: collector.headers and lost() > before, "spans that are refused")
        collector.fails = False
        id = client.submit(1, traceparent=GIVEN)
        worker.done(worker.job(), b"1")
        client.result(id)
        collector.of(TRACE, 4)
    told = [line for line in server.process.stderr if "collector" in line]
    assert any("not taken" in line for line in told) and any("takes spans again" in line for line in told)


def test_the_variables_of_opentelemetry(new_server, collector):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url + "/", "OTEL_EXPORTER_OTLP_HEADERS": "x-team=water",
           "OTEL_SERVICE_NAME": "acequia-eu", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
    server = new_server(env=env, binary=acequia_otlp())
    with Client(server) as client:
        id = client.submit(1, traceparent=GIVEN)
        client.cancel(id)
        client.outcome(id)
        whole, _ = collector.of(TRACE, 2)
    assert (whole.service["service.name"], whole.service["deployment.environment.name"]) == ("acequia-eu", "test")
    assert collector.headers[0]["x-team"] == "water"


def test_an_empty_variable_is_none(new_server):
    new_server(env={"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, binary=acequia_otlp())


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "http://x/?y"])
def test_what_is_no_endpoint_is_refused(url):
    said = starts_not("--otlp-endpoint", url, binary=acequia_otlp())
    assert "--otlp-endpoint" in said and "http://127.0.0.1:4318" in said


def test_a_server_without_the_feature_has_no_such_flag():
    assert "--otlp-endpoint" in starts_not("--otlp-endpoint", "http://127.0.0.1:4318")
