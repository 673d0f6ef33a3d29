"""The ScaledObject for KEDA that we deploy: its query, asked of a real Prometheus, and what KEDA makes of it."""

import math

import pytest
import yaml

from harness import Client, Worker, eventually
from harness.prometheus import DEPLOY, promtool

MANIFEST = DEPLOY / "kubernetes/keda.yaml"


@pytest.fixture(scope="module")
def scaled():
    (manifest,) = yaml.safe_load_all(MANIFEST.read_text())
    return manifest


def trigger(scaled):
    (trigger,) = scaled["spec"]["triggers"]
    return trigger


def workers(scaled, demand):
    """How many workers KEDA would have: with `AverageValue`, each has `threshold` of the demand."""
    spec, settings = scaled["spec"], trigger(scaled)["metadata"]
    if demand <= float(settings["activationThreshold"]):
        return spec["minReplicaCount"]
    wanted = math.ceil(demand / float(settings["threshold"]))
    return min(max(wanted, 1), spec["maxReplicaCount"])


def test_it_is_well_made(scaled):
    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert (trigger(scaled)["type"], trigger(scaled)["metricType"]) == ("prometheus", "AverageValue")
    # KEDA's are strings, all of them.
    assert all(isinstance(value, str) for value in trigger(scaled)["metadata"].values())
    assert set(trigger(scaled)["metadata"]) == {
        "serverAddress", "query", "threshold", "activationThreshold", "ignoreNullValues"}


def test_of_several_servers_the_owner_is_asked(scaled, tmp_path):
    """By a Prometheus that is told what it would have scraped, each time from the two in the order of their names."""
    def series(name, labels, values):
        return {"series": f"acequia_{name}{{job=\"acequia\", {labels}}}", "values": values}

    # The first owns, then nobody does, then the second: at the first, which lives on, what it had is 0 then.
    queue = 'queue="default", instance='
    told = [
        series("queue_slots_busy", f'{queue}"a:8080"', "4 4 0 0"),
        series("queue_depth", f'{queue}"a:8080"', "5 6 0 0"),
        series("journal_writable", 'instance="a:8080"', "1 0 NaN NaN"),
        series("queue_slots_busy", f'{queue}"b:8080"', "_ _ _ 4"),
        series("queue_depth", f'{queue}"b:8080"', "_ _ _ 7"),
        series("journal_writable", 'instance="b:8080"', "_ _ _ 1"),
        series("door_linked", 'instance="a:8080"', "1 1 0 1"),
        series("door_linked", 'instance="b:8080"', "1 1 0 1"),
    ]
    demands = [9, 10, None, 11]
    asked = [
        {"expr": trigger(scaled)["metadata"]["query"], "eval_time": f"{minute}m",
         "exp_samples": [] if demand is None else [{"labels": "{}", "value": demand}]}
        for minute, demand in enumerate(demands)
    ]
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": told, "promql_expr_test": asked}]}))
    code, said = promtool("test", "rules", file)
    assert code == 0, said


def test_the_demand_starts_and_stops_workers(scaled, new_server, make, new_prometheus):
    server = new_server(quiet_ports=True)
    client = make(Client(server))
    prometheus = new_prometheus(server, checked=False)
    query = trigger(scaled)["metadata"]["query"]

    def demands(slots, count):
        eventually(lambda: prometheus.value(query) == slots, f"a demand of {slots} slots")
        assert workers(scaled, prometheus.value(query)) == count

    # Nobody has used the queue yet.
    prometheus.wait_value("up", 1)
    demands(0, 0)
    ids = [client.submit(n) for n in range(9)]
    client.accepted(ids)
    # No slot, and yet a demand: of nine slots, which three workers of four have.
    demands(9, 3)
    worker = make(Worker(server, slots=4))
    jobs = [worker.job() for _ in range(4)]
    # Those that run count as much as those that wait.
    demands(9, 3)
    for ended in range(1, 8):
        worker.done(jobs.pop(0), b"1")
        if ended + len(jobs) < 9:
            jobs.append(worker.job())
    client.outcomes(7)
    demands(2, 1)
    server.kill()
    # A server that does not answer says nothing, and KEDA leaves the workers as they are.
    eventually(lambda: prometheus.query(query) == [], "no demand that is known")
    assert trigger(scaled)["metadata"]["ignoreNullValues"] == "false"
    server.start_again()
    demands(0, 0)
