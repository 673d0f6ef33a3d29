"""`acequia conform`: right programs pass, and each mistake of a wrong one is found at its rule."""

import json
import sys
from pathlib import Path

import pytest

from harness import acequia, run_acequia

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WRONG_WORKER = [sys.executable, HERE / "wrong_worker.py"]
WRONG_CLIENT = [sys.executable, HERE / "wrong_client.py"]
SKIPPED_ALWAYS = {"W2", "W28", "W39"}

# A mistake, the rules that it breaks, and what is run for it: all of these are asked about, so that it
# is not found where it is not.
WORKER_FAULTS = {
    "one results connection too many": {"W3"},
    "queues for a server that is gone": set(),
    "dies at an unknown key": {"W11"},
    "dies at nil": {"W12"},
    "a key twice": {"W13"},
    "a nil head": {"W15"},
    "prints the lane": {"W16"},
    "takes the first of packed messages": {"W17"},
    "packs by fives": {"W9"},
    "an unknown kind": {"W10"},
    "progress that is no number": {"W20"},
    "too long a queue": {"W20"},
    "goes on after what is malformed": {"W22"},
    "no ready first": {"W23"},
    "ready for another version": {"W24"},
    "no answer to a fresh hello": {"W25"},
    "answers of before a new hello": {"W25"},
    "two answers for one job": {"W27"},
    "dies of what is thrown": {"W27"},
    "dies at meta": {"W29"},
    "dies at an absent key": {"W30"},
    "no answer to a cancel": {"W31"},
    "two answers to a cancel": {"W27"},
    "answers a cancel of no job": {"W48"},
    "drops its jobs at a bye": {"W34"},
    "closes at a bye": {"W35"},
    "ready with another id": {"W36"},
    "wrong auth": {"W37"},
    "white space in the token": {"W37"},
    "not what its type says": {"W40"},
    "a chunk that is no JSON": {"W40"},
    "a result that is too large": {"W41"},
    "retries a bad payload": {"W42"},
    "a code with a space": {"W43"},
    "a code of the server": {"W44"},
    "silent while it beats": {"W45"},
    "a late first beat": {"W46"},
    "publishes no JSON": {"W47"},
    "a beat with another id": {"W48"},
    "drops its jobs as it ends": {"W49", "W50"},
}


def conform(*arguments):
    return run_acequia("conform", *arguments, patience_s=110)


def report(side, command, *flags):
    code, out, said = conform(side, "--format", "json", *flags, "--", *command)
    assert code in (0, 1), said
    judged = json.loads(out)
    assert judged["conforms"] == (code == 0)
    return {rule["rule"]: rule for rule in judged["rules"]}


def of(rules, *verdicts):
    return {number for number, rule in rules.items() if rule["verdict"] in verdicts}


def shown(rules):
    return json.dumps([rule for rule in rules.values() if "findings" in rule], indent=1)


@pytest.mark.parametrize("fault", WORKER_FAULTS)
def test_a_wrong_worker_is_found(fault):
    rules = report("worker", [*WRONG_WORKER, fault], "--claims", "version,drain,token", "--timeout-s", 4)
    broken = of(rules, "not_ok", "warning")
    assert WORKER_FAULTS[fault] <= broken, shown(rules)
    print(fault, broken)
