"""The rules that we deploy: they are well made, each alert is tested, and a real Prometheus runs them."""

import yaml

from harness import eventually
from harness.operations import documented_alerts
from harness.prometheus import CONFIG, RULES, promtool

TESTS = RULES.with_name("rules.test.yml")


def rules(kind):
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def test_configuration_and_rules_are_well_made():
    # As warnings count too: a rule that is there twice.
    for check, file in (("config", CONFIG), ("rules", RULES)):
        code, said = promtool("check", check, *(["--lint=all", "--lint-fatal"] if check == "rules" else []), file)
        assert code == 0 and "SUCCESS" in said, said


def test_the_rules_do_what_their_tests_say():
    code, said = promtool("test", "rules", TESTS)
    assert code == 0, said


def test_each_alert_is_seen_to_fire_and_not_to_fire():
    seen = {True: set(), False: set()}
    for group in yaml.safe_load(TESTS.read_text())["tests"]:
        for case in group["alert_rule_test"]:
            seen[bool(case["exp_alerts"])].add(case["alertname"])
    alerts = {rule["alert"] for rule in rules("alert")}
    assert len(alerts) == len(rules("alert"))
    assert seen[True] == seen[False] == alerts


def test_the_document_names_each_alert():
    assert documented_alerts() == {rule["alert"] for rule in rules("alert")}


def test_each_alert_tells_how_bad_it_is():
    for rule in rules("alert"):
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert rule["annotations"]["summary"], rule


def test_a_real_prometheus_runs_them(server, client, new_prometheus):
    client.accepted([client.submit(1, queue="unserved")])
    prometheus = new_prometheus(server)
    prometheus.wait_value('acequia_queue_depth{queue="unserved"}', 1)

    def running():
        groups = prometheus.api("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    # Each was evaluated.
    eventually(lambda: all(rule["health"] != "unknown" for rule in running()), "the rules")
    assert {rule["name"] for rule in running()} == {rule.get("alert") or rule["record"]
                                                    for kind in ("alert", "record") for rule in rules(kind)}
    assert all(rule["health"] == "ok" for rule in running()), running()

    def unserved():
        alerts = prometheus.api("alerts")["alerts"]
        return [alert for alert in alerts if alert["labels"]["alertname"] == "AcequiaQueueUnserved"]

    (alert,) = eventually(unserved, "the alert")
    assert (alert["labels"]["queue"], alert["labels"]["instance"]) == ("unserved", prometheus.instance)
    assert alert["annotations"]["summary"] == f"Nobody serves the queue unserved of {server.http}: 1 jobs wait"

    def only_that():
        names = [alert["labels"]["alertname"] for alert in prometheus.api("alerts")["alerts"]]
        return names == ["AcequiaQueueUnserved"]

    # Nothing else is wrong with a server that has just begun. Rules that were looked at before the
    # first scrape knew of no server.
    eventually(only_that, "no other alert")
