"""A real Prometheus scrapes a real server, and knows what was done."""

import re

import pytest

from harness import eventually
from harness.jobs import do_jobs
from harness.operations import documented_metrics
from harness.prometheus import promtool


@pytest.fixture
def server(open_owner):
    """One that has all metrics: one with a file has none of clusters and doors."""
    return open_owner


def told(server):
    """What the server tells: {name: labels}, without those that histograms have of themselves."""
    text = server.get("/metrics")[2]
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    found = {name: set() for name in kinds}
    for sample, labels in server.metrics():
        name = re.sub(r"_(bucket|sum|count)$", "", sample)
        name = name if kinds.get(name) == "histogram" else sample
        found[name] |= {label for label, _ in labels} - {"le"}
    return found


def test_promtool_has_no_complaint(server, client, new_worker):
    worker = new_worker(queues=["some"])
    do_jobs(client, worker, 3, "some")
    code, said = promtool("check", "metrics", stdin=server.get("/metrics")[2])
    assert (code, said) == (0, "")


def test_the_document_names_all_that_there_is(server, client, new_worker):
    worker = new_worker(queues=["some"])
    do_jobs(client, worker, 1, "some")
    assert told(server) == documented_metrics()


def test_the_target_is_up_and_its_series_are_there(server, client, new_worker, new_prometheus):
    worker = new_worker(queues=["some"], slots=2)
    do_jobs(client, worker, 5, "some")
    running = client.submit("text", queue="some")
    worker.job()
    client.heard("started", id=running)
    client.accepted([client.submit("text", queue="unserved")])
    prometheus = new_prometheus(server)
    prometheus.wait_value("up", 1)
    assert set(prometheus.api("label/__name__/values")) >= {
        name for name, _ in server.metrics()}, "each series of the server is there"
    for expression, value in {
        'acequia_jobs_submitted_total{queue="some"}': 6,
        'acequia_jobs_ended_total{queue="some", outcome="done"}': 5,
        'acequia_jobs_ended_total{queue="some", outcome="failed"}': 0,
        'acequia_jobs_running{queue="some"}': 1,
        'acequia_queue_depth{queue="some"}': 0,
        'acequia_queue_slots{queue="some"}': 2,
        'acequia_queue_slots_busy{queue="some"}': 1,
        'acequia_queue_load_ratio{queue="some"}': 0.5,
        'acequia_queue_depth{queue="unserved"}': 1,
        'acequia_queue_slots{queue="unserved"}': 0,
        'acequia_queue_load_ratio{queue="unserved"}': 1,
        "acequia_workers": 1,
        "acequia_slots_busy": 1,
        "acequia_slots_free": 1,
        "acequia_sessions": 1,
        "acequia_payload_bytes": 2 * len('"text"'),
        "acequia_journal_writable": 1,
        'acequia_gate_connections{port="jobs"}': 1,
    }.items():
        prometheus.wait_value(expression, value)
    for name, count in (("waiting", 6), ("running", 5), ("round_trip", 5)):
        metric = f"acequia_job_{name}_seconds"
        prometheus.wait_value(f'{metric}_count{{queue="some"}}', count)
        prometheus.wait_value(f'{metric}_bucket{{queue="some", le="+Inf"}}', count)
    # What a job took in all is no less than what its run took.
    ordered = ('0 < acequia_job_running_seconds_sum{queue="some"} '
               '<= acequia_job_round_trip_seconds_sum{queue="some"}')
    eventually(lambda: prometheus.query(ordered), ordered)


def test_rates_are_those_of_what_was_done(server, client, new_worker, new_prometheus):
    worker = new_worker(queues=["some"])
    prometheus = new_prometheus(server)
    done = 'acequia_jobs_ended_total{queue="some", outcome="done"}'
    do_jobs(client, worker, 10, "some")
    prometheus.wait_value(done, 10)
    for jobs in (20, 30, 40, 50):
        do_jobs(client, worker, 10, "some")
        prometheus.wait_value(done, jobs)
    (series,) = prometheus.query(f"{done}[1h]")
    samples = [(at, float(value)) for at, value in series["values"]]
    assert [value for _, value in samples] == sorted(value for _, value in samples)
    # From sample to sample next to nothing is extrapolated. A millisecond more, for whether the
    # very start of a window belongs to it is not the same in all versions.
    first, last = ([at for at, value in samples if value == jobs] for jobs in (10, 50))
    first, last = first[0], last[-1]
    window = f"[{round((last - first) * 1000) + 1}ms]"
    assert prometheus.value(f"increase({done}{window})", last) == pytest.approx(40, rel=1e-3)
    assert prometheus.value(f"rate({done}{window})", last) == pytest.approx(40 / (last - first), rel=1e-3)
    ended = 'acequia_job_round_trip_seconds_count{queue="some"}'
    assert prometheus.value(f"increase({ended}{window})", last) == pytest.approx(40, rel=1e-3)
    share = f"sum(rate(acequia_jobs_ended_total{window})) / sum(rate(acequia_jobs_submitted_total{window}))"
    assert prometheus.value(share, last) == pytest.approx(1)
    quantile = "histogram_quantile({}, sum by (le) (rate(acequia_job_round_trip_seconds_bucket" + window + ")))"
    median, slow = (prometheus.value(quantile.format(part), last) for part in (0.5, 0.99))
    assert 0 < median <= slow <= 300


def test_thousands_of_queues_are_some_series(server, client, new_worker, new_prometheus):
    prometheus = new_prometheus(server)

    def come(names):
        client.events.clear()
        for name in names:
            client.submit(1, queue=name, ttl_ms=1)
        client.outcomes(len(names))

    come([f"queue-{n}" for n in range(1000)])
    prometheus.wait_value("sum(acequia_jobs_ended_total)", 1000)
    series = prometheus.value("scrape_samples_scraped")
    assert series
    come([f"another-{n}" for n in range(2000)])
    prometheus.wait_value("sum(acequia_jobs_ended_total)", 3000)
    prometheus.wait_value("scrape_samples_scraped", series)
    for metric in ("acequia_jobs_submitted_total", "acequia_queue_depth", "acequia_dead_letters",
                   "acequia_job_waiting_seconds_count"):
        prometheus.wait_value(f"count({metric})", 101)
    prometheus.wait_value('acequia_jobs_submitted_total{queue="other"}', 2900)
    prometheus.wait_value('acequia_dead_letters{queue="other"}', 2900)
    # What a worker serves is told apart even so.
    new_worker(queues=["served"], slots=3)
    prometheus.wait_value('acequia_queue_slots{queue="served"}', 3)
    # Nobody can flood it by that either.
    for first in (500, 600):
        new_worker(queues=[f"queue-{n}" for n in range(first, first + 64)])
    prometheus.wait_value("count(acequia_queue_slots)", 201)
    prometheus.wait_value('acequia_queue_slots{queue="other"}', 2 * 64 - 99)
    labels = set(prometheus.api("labels")) - {"__name__", "alertname", "alertstate", "severity"}
    assert labels == {"job", "instance", "le", *set().union(*documented_metrics().values())}


def test_a_server_that_is_gone_is_down(new_server, new_prometheus):
    server = new_server(quiet_ports=True)
    prometheus = new_prometheus(server, checked=False)
    prometheus.wait_value("up", 1)
    server.kill()
    prometheus.wait_value("up", 0)
    # Its series end at once, so nobody acts on what they said last.
    assert prometheus.query("acequia_workers") == []
    firing = lambda: {alert["labels"]["alertname"] for alert in prometheus.api("alerts")["alerts"]}  # noqa: E731
    eventually(lambda: "AcequiaDown" in firing(), "the alert")
    server.start_again()
    prometheus.wait_value("up", 1)
