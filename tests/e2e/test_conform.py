"""`acequia conform`: right programs pass, and each mistake of a wrong one is found at its rule."""

import json
import socket
import sys
from pathlib import Path

import pytest

from harness import acequia, run_acequia
from harness.server import quiet_ports

HERE = Path(__file__).parent
PYTHON = sys.executable
TEN_LINES = [PYTHON, HERE / "ten_lines.py", "{jobs}", "{results}"]
WRONG_WORKER = [PYTHON, HERE / "wrong_worker.py"]
WRONG_CLIENT = [PYTHON, HERE / "wrong_client.py"]

FRESH, FAILS, ENDS = "a fresh hello", "failures", "the end of a busy worker"
# A mistake, a conversation in which it is made, and the rules that are broken by it, no more and no less.
WORKER_FAULTS = {
    "one results connection too many": ("meta", {"W3"}),
    "queues for a server that is gone": ("old messages", {"W6"}),
    "an unknown kind": ("all slots", {"W10", "W27"}),
    "packs by fives": ("all slots", {"W9", "W27"}),
    "dies at an unknown key": ("unknown keys", {"W11"}),
    "dies at nil": ("keys that are nil", {"W12"}),
    "a key twice": ("meta", {"W13"}),
    "a nil head": ("three types", {"W15"}),
    "prints the lane": ("meta", {"W16"}),
    "takes the first of packed messages": ("packed messages", {"W17"}),
    "progress that is no number": ("progress", {"W20"}),
    "too long a queue": ("meta", {"W20", "W23"}),
    "goes on after what is malformed": ("malformed messages", {"W22"}),
    "no ready first": ("meta", {"W23"}),
    "ready for another version": ("another version", {"W24"}),
    "no answer to a fresh hello": (FRESH, {"W25"}),
    "answers of before a new hello": (FRESH, {"W25"}),
    "two answers for one job": ("all slots", {"W27"}),
    "dies of what is thrown": (FAILS, {"W27"}),
    "dies at meta": ("meta", {"W29"}),
    "dies at an absent key": ("absent keys", {"W30"}),
    "no answer to a cancel": ("a cancel of a run", {"W31"}),
    "two answers to a cancel": ("a cancel again", {"W27"}),
    "answers a cancel of no job": ("a cancel of no job", {"W27", "W48"}),
    "drops its jobs at a bye": ("a bye of the server", {"W34"}),
    "closes at a bye": ("a bye of the server", {"W35"}),
    "ready with another id": ("meta", {"W36", "W23"}),
    "wrong auth": ("the token", {"W37"}),
    "white space in the token": ("the token", {"W37"}),
    "not what its type says": ("three types", {"W40"}),
    "a chunk that is no JSON": ("chunks", {"W40"}),
    "a result that is too large": ("a result that is too large", {"W41"}),
    "retries a bad payload": (FAILS, {"W42"}),
    "a code with a space": (FAILS, {"W43"}),
    "a code of the server": ("a cancel of a run", {"W44"}),
    "silent while it beats": ("a lease", {"W45"}),
    "a late first beat": ("a lease", {"W46"}),
    "publishes no JSON": ("what is published", {"W47"}),
    "a beat with another id": ("meta", {"W48"}),
    "drops its jobs as it ends": (ENDS, {"W49"}),
}
CLIENT_FAULTS = {
    "no room for large events": ("a large event", {"C1"}),
    "messages that are too large": ("many jobs", {"C3"}),
    "waits for ever for a welcome": ("a hello that is refused for now", {"C4"}),
    "does not say it again": ("a subscribe that is refused for now", {"C5"}),
    "fails what is refused": ("a submit again that is refused for now", {"C6"}),
    "binary messages": ("a ping", {"C8", "C14"}),
    "gives up when it is refused": ("an upgrade that is refused", {"C11"}),
    "a misspelled key": ("a ping", {"C14"}),
    "dies at an unknown event": ("unknown events and keys", {"C16"}),
    "the same id for all": ("events that are left out", {"C17", "C20"}),
    "huge ids": ("a ping", {"C18"}),
    "one message for each job": ("many jobs", {"C19"}),
    "needs accepted": ("events that are left out", {"C20"}),
    "dies of a late cancel": ("a cancel that is too late", {"C21"}),
    "hello comes second": ("a ping", {"C22"}),
    "never acks": ("acks", {"C23"}),
    "acks too much": ("acks", {"C24"}),
    "forgets keys": ("a key", {"C25"}),
    "knows all codes": ("unknown codes", {"C27"}),
    "waits after a gap": ("a gap", {"C28"}),
    "heeds no bye": ("a bye", {"C30"}),
    "forgets its secret": ("a session that is resumed", {"C31"}),
    "forgets what it has seen": ("a session that is resumed", {"C31", "C38"}),
    "numbers as floats of 32 bits": ("a session that is resumed", {"C38"}),
    "submits what was accepted": ("jobs of a session that is resumed", {"C32"}),
    "submits nothing again": ("jobs of a session that is resumed", {"C32"}),
    "does not hear first": ("jobs of a session that is resumed", {"C33"}),
    "fails what is known": ("a job that is known", {"C34"}),
    "keeps its old secret": ("a session that is over", {"C35"}),
    "forgets its topics": ("a session that is over", {"C39"}),
    "comes back after it was taken over": ("a session that is taken over", {"C36"}),
    "closes with 1000": ("a client that is closed", {"C37"}),
    "leaves bytes as text": ("bytes", {"C40"}),
    "heeds no retry_after_ms": ("a submit that is refused for now", {"C41"}),
    "comes back at once": ("connections that end at once", {"C42"}),
}


def conform(side, command, *flags):
    return run_acequia("conform", side, *flags, "--", *command, patience_s=110)


def judged(side, command, *flags):
    code, out, said = conform(side, command, "--format", "json", *flags)
    assert code in (0, 1), said
    report = json.loads(out)
    assert report["conforms"] == (code == 0)
    return {rule["rule"]: rule for rule in report["rules"]}


def of(rules, *verdicts):
    return {number for number, rule in rules.items() if rule["verdict"] in verdicts}


def shown(rules):
    return json.dumps([rule for rule in rules.values() if "findings" in rule], indent=1)


def check_fault(side, command, fault, faults, *flags):
    case, broken = faults[fault]
    rules = judged(side, [*command, fault], "--timeout-s", 4, "--case", case, *flags)
    assert of(rules, "not_ok", "warning") == broken, shown(rules)
    for rule in broken:
        assert rules[rule]["place"].startswith(f"docs/{side}-protocol.md#")
        assert all(finding["came"] for finding in rules[rule]["findings"])


@pytest.mark.parametrize("fault", WORKER_FAULTS)
def test_a_wrong_worker_is_found(fault):
    check_fault("worker", WRONG_WORKER, fault, WORKER_FAULTS, "--claims", "version,drain,token")


@pytest.mark.parametrize("fault", CLIENT_FAULTS)
def test_a_wrong_client_is_found(fault):
    check_fault("client", WRONG_CLIENT, fault, CLIENT_FAULTS)


def test_without_a_fault_they_are_right():
    """So that each fault is all that is wrong."""
    rules = judged("worker", WRONG_WORKER, "--claims", "version,drain,token")
    assert of(rules, "not_ok", "warning") == set(), shown(rules)
    assert of(rules, "skipped") == {"W2", "W4", "W28", "W39"}
    rules = judged("client", WRONG_CLIENT)
    assert of(rules, "not_ok", "warning") == set(), shown(rules)
    assert of(rules, "skipped") == {"C2", "C12", "C26", "C29"}


def test_ten_lines_pass():
    """They do not look at heads, which is all that is to be said."""
    rules = judged("worker", TEN_LINES)
    assert of(rules, "not_ok") == set(), shown(rules)
    assert of(rules, "warning") == {"W22", "W51"}


@pytest.mark.parametrize("command", [["--slots", "4", "--", "cat"], ["--demo"]])
def test_the_command_passes(command):
    """And with it the SDK in Rust."""
    rules = judged("worker", [acequia(), "worker", *command], "--claims", "version,drain,token")
    assert of(rules, "not_ok", "warning") == set(), shown(rules)
    assert {"W5", "W17", "W24", "W27", "W37", "W49", "W50"} <= of(rules, "ok")


def test_a_program_with_fixed_addresses():
    jobs, results = quiet_ports(2)
    worker = [PYTHON, HERE / "ten_lines.py", f"tcp://127.0.0.1:{jobs}", f"tcp://127.0.0.1:{results}"]
    listen = f"127.0.0.1:{jobs},127.0.0.1:{results}"
    code, out, said = conform("worker", worker, "--listen", listen, "--only", "W25,W27")
    assert code == 0, said
    assert out.decode().splitlines()[-1] == "2 ok, 0 not ok, 0 warnings, 0 skipped"


def test_tap():
    code, out, _ = conform("worker", TEN_LINES, "--format", "tap", "--only", "W22,W25,W28")
    lines = out.decode().splitlines()
    assert code == 0
    assert lines[:2] == ["TAP version 14", "1..3"]
    assert lines[2].startswith("not ok 1 - W22 ") and lines[2].endswith(" # TODO a SHOULD, which is a warning")
    assert lines[3] == "  ---" and '  rule: "docs/worker-protocol.md#malformed-messages"' in lines
    assert lines[-2].startswith("ok 2 - W25 ")
    assert lines[-1].startswith("ok 3 - W28 ") and " # SKIP not tested: " in lines[-1]


def test_the_same_twice():
    """Nothing in a report depends on the time or on the machine."""
    once, twice = (conform("worker", TEN_LINES, "--format", format)[1] for format in ("text", "text"))
    assert once == twice


@pytest.mark.parametrize(("arguments", "says"), [
    (["worker", "--only", "W999", "--", "true"], "there is no rule W999"),
    (["worker", "--case", "nonsense", "--", "true"], "there is no case"),
    (["worker", "--claims", "nonsense", "--", "true"], "no claim `nonsense`"),
    (["worker", "--listen", "127.0.0.1:1", "--", "true"], "--listen takes two addresses"),
    (["worker", "--queue", "other", "--", *TEN_LINES], "does not serve the queue other"),
    (["worker", "--token-file", "/nowhere", "--", "true"], "--token-file /nowhere"),
    (["worker", "--", "/no/such/program"], "cannot start /no/such/program"),
    (["client", "--", "/no/such/program"], "cannot start /no/such/program"),
    (["client", "--only", "W1", "--", "true"], "there is no rule W1"),
    (["worker"], "required"),
])
def test_bad_usage(arguments, says):
    code, out, said = run_acequia("conform", *arguments)
    assert (code, out) == (2, b"")
    assert says in said


def test_a_program_that_does_nothing():
    code, out, _ = conform("worker", ["true"], "--timeout-s", 2)
    assert code == 1
    assert "a jobs connection did not come: the program has ended" in out.decode()


def test_an_address_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, said = run_acequia("conform", "client", "--listen", f"127.0.0.1:{port}", "--", "true")
    assert code == 2 and f"cannot listen on 127.0.0.1:{port}" in said
