"""Each SDK claims to keep every rule of the worker protocol, and does."""

import json
import subprocess

from harness import acequia
from harness.server import clean_env


def test_every_rule_is_kept(sdk):
    command = [acequia(), "conform", "worker", "--claims", "all", "--slots", "4", "--format", "json", "--", *sdk.command]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False,
                          env=clean_env(sdk.env))
    report = json.loads(done.stdout)
    broken = {rule["rule"]: rule for rule in report["rules"] if rule["verdict"] in ("not_ok", "warning")}
    assert broken.keys() == sdk.departs, json.dumps(broken, indent=2)
    assert done.returncode == 0 and report["conforms"]
    # What it is not asked about is what takes minutes, or what no program can be asked.
    assert report["summary"]["ok"] >= 40, report["summary"]
