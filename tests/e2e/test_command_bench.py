"""`acequia bench` measures a server of its own, and leaves nothing behind."""

import json

import pytest

from harness import Process, acequia, acequia_worker
from harness.server import clean_env


def bench(*args, cwd=None):
    process = Process([acequia(), "bench", *args], name="bench", env=clean_env(), cwd=cwd)
    assert process.wait(100) == 0, process.log()
    return process


def report(*args, cwd=None):
    return json.loads("\n".join(bench(*args, "--json", cwd=cwd).stdout))


def assert_true_to_their_aims(aims):
    for aim in aims:
        measured = aim["measured"]
        if "at_least" in aim:
            assert aim["met"] == (measured >= aim["at_least"]), aim
        elif "at_most" in aim:
            assert aim["met"] == (measured <= aim["at_most"]), aim
        else:
            assert aim["met"] is None, aim


def test_a_short_one():
    out = "\n".join(bench("--seconds", "0.5", "--warmup-s", "0.1", "--json").stdout)
    assert json.loads(out)


def test_for_people():
    assert bench("--seconds", "0.5", "--warmup-s", "0.1", "--encoding", "msgpack").stdout


def test_a_server_that_runs(server):
    acequia_worker(server, "--demo")
    args = ["--server", server.ws, "--server-pid", str(server.process.pid), "--queue", "echo"]
    bench(*args, "--seconds", "0.5", "--warmup-s", "0.1")
    assert server.metric("acequia_jobs_ended_total", queue="echo", outcome="done") > 100


def test_what_the_journal_costs(tmp_path):
    short = ["--seconds", "0.4", "--warmup-s", "0.1", "--rounds", "1", "--in-flight", "4"]
    measured = report("--durable", *short, cwd=tmp_path)
    assert [case["job_ms"] for case in measured["cases"]] == [None, 20, 20]
    for case in measured["cases"]:
        memory, journal = case["memory"], case["journal"]
        assert case["rate_ratio"] * memory["jobs_per_s"] == pytest.approx(journal["jobs_per_s"])
        assert memory["failed"] == journal["failed"] == 0
        assert memory["syncs_per_s"] == 0 < journal["syncs_per_s"]
        # What a client saw end, the server counts.
        assert journal["ended_per_s"] == pytest.approx(journal["jobs_per_s"], rel=0.5)
        if case["job_ms"]:
            assert journal["jobs_per_s"] < case["jobs_per_s_max"]
            assert journal["p50_us"] >= 20_000
            assert 0.1 < journal["accepted_per_job"] < 2
    assert_true_to_their_aims(measured["aims"])
    assert not list(tmp_path.iterdir()), "the journals are gone"


def test_beside_an_echo_and_a_naive_gateway():
    short = ["--seconds", "0.3", "--warmup-s", "0.1", "--rounds", "1", "--connections", "4"]
    comparisons = report("--suite", *short)["comparisons"]
    assert [case["case"] for case in comparisons] == [
        "packed, 16 in flight", "one message at a time, 16 in flight", "a naive gateway, 16 in flight",
        "packed, 1 in flight", "packed, 1 in flight, beside a plain echo server", "a naive gateway, 1 in flight",
    ]
    for case in comparisons:
        gateway = case["naive" if "naive" in case["case"] else "acequia"]
        assert gateway["failed"] == case["echo"]["failed"] == 0
        assert case["rate_ratio"] * case["echo"]["jobs_per_s"] == pytest.approx(gateway["jobs_per_s"])
        assert gateway["worker_cpu_us"] > 0 and case["echo"]["worker_cpu_us"] is None


def test_much_of_everything():
    short = ["--seconds", "0.4", "--warmup-s", "0.1", "--rounds", "1", "--connections", "8"]
    sizes = ["--backlog", "25000", "--many-workers", "20", "--many-clients", "200"]
    measured = report("--scale", *short, *sizes)

    backlog = measured["backlog"]
    assert backlog["jobs"] == 25_000
    grown = (backlog["after"]["rss_kib"] - backlog["before"]["rss_kib"]) * 1024
    assert backlog["bytes_per_job"] == pytest.approx(grown / 25_000 - 128)
    assert grown > 25_000 * 128, "the payloads at least are in memory"
    rates = backlog["rates"]
    assert rates["empty"]["failed"] == rates["backlog"]["failed"] == 0
    # Those of the backlog that went by their age, too.
    assert rates["backlog"]["ended_per_s"] > rates["backlog"]["jobs_per_s"]
    assert 0.03 < backlog["share_of_backlog"] < 0.9

    workers = measured["workers"]
    assert workers["workers"] == 20
    assert workers["connected"]["rss_kib"] > workers["before"]["rss_kib"]
    for one in ["one_packed", "one_single", "many"]:
        assert workers[one]["jobs_per_s"] > 0
        assert workers[one]["failed"] == 0

    clients = measured["clients"]
    assert (clients["clients"], clients["heavy_jobs"]) == (200, 2_000)
    assert clients["sessions_failed"] == 0
    assert 0 < clients["p50_us"] <= clients["p99_us"]
    # A line without turns would have let most of the two thousand go first.
    assert 0 <= clients["heavy_jobs_between"] < 500

    for part in measured.values():
        assert_true_to_their_aims(part["aims"])


def test_calls_beside_sessions():
    measured = report("--http", "--seconds", "0.4", "--warmup-s", "0.1", "--rounds", "1", "--connections", "4")
    (comparison,) = measured["comparisons"]
    socket, calls = comparison["websocket"], comparison["http"]
    assert comparison["rate_ratio"] * socket["jobs_per_s"] == pytest.approx(calls["jobs_per_s"])
    assert socket["failed"] == calls["failed"] == 0
