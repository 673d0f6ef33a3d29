"""The Grafana dashboard that we deploy: every query of it, asked of a real Prometheus."""

import json
import math

import pytest

from harness.jobs import do_jobs
from harness.operations import documented_metrics
from harness.prometheus import DEPLOY

DASHBOARD = DEPLOY / "grafana/acequia.json"

# A panel is so many columns wide at most.
COLUMNS = 24


@pytest.fixture(scope="module")
def dashboard():
    return json.loads(DASHBOARD.read_text())


@pytest.fixture
def server(open_owner):
    """One that has all metrics."""
    return open_owner


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard):
    """Each query, with the title of its panel."""
    return [(panel["title"], target["expr"]) for panel in panels(dashboard) for target in panel["targets"]]


def test_it_is_well_made(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    places = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= COLUMNS, panel["title"]
        covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not covered & places, f"{panel['title']} lies over another"
        places |= covered
    for panel in panels(dashboard):
        references = [target["refId"] for target in panel["targets"]]
        assert references and len(set(references)) == len(references), panel["title"]
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        # That of whoever imports it.
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources), panel["title"]


def test_it_shows_all_that_there_is(dashboard):
    text = " ".join(expression for _, expression in queries(dashboard))
    assert [name for name in documented_metrics() if name not in text] == []


def test_every_query_finds_something(dashboard, server, client, new_worker, new_prometheus):
    """Everything has been counted at least once, or is counted from 0."""
    prometheus = new_prometheus(server)
    worker = new_worker(queues=["some"], slots=2)

    def some_more():
        do_jobs(client, worker, 10, "some")
        id = client.submit("text", queue="some")
        worker.fail(worker.job(), message="no")
        client.outcome(id)
        # What ends at once is not written.
        client.accepted([client.submit("text", queue="unserved")])

    ended = 'sum(acequia_jobs_ended_total{queue="some"})'
    some_more()
    prometheus.wait_value(ended, 11)
    # Only what comes after the first scrape makes a rate.
    some_more()
    prometheus.wait_value(ended, 22)
    (job,) = prometheus.api("label/job/values", **{"match[]": "acequia_workers"})
    variables = {
        "$job": job,
        "$instance": prometheus.instance.replace(".", "\\\\."),
        "$queue": "some",
        "$__rate_interval": "5m",
    }
    for title, expression in queries(dashboard):
        for name, value in variables.items():
            expression = expression.replace(name, value)
        assert "$" not in expression, expression
        values = prometheus.values(expression)
        assert values and not any(map(math.isnan, values)), (title, expression, values)


def test_its_variables_find_something(dashboard, server, client, new_worker, new_prometheus):
    worker = new_worker(queues=["some"])
    do_jobs(client, worker, 1, "some")
    prometheus = new_prometheus(server)
    prometheus.wait_value('acequia_queue_slots{queue="some"}', 1)
    found = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            text = variable["query"]["query"]
            assert text == variable["definition"]
            # label_values(SERIES, LABEL)
            series, label = text.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            for known, value in found.items():
                series = series.replace(f"${known}", value)
            values = prometheus.api(f"label/{label}/values", **{"match[]": series})
            assert values, text
            # All of them, as Grafana puts it where nothing is chosen.
            found[variable["name"]] = variable["allValue"]
    assert set(found) == {"job", "instance", "queue"}
