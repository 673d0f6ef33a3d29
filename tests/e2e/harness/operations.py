"""What docs/operations.md says that there is, to be held against what there is."""

import re

from .server import ROOT

_DOCUMENT = ROOT / "docs/operations.md"


def documented_metrics():
    """Each metric and its labels: {name: labels}."""
    section = _DOCUMENT.read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    documented = {}
    for line in section.splitlines():
        if line.startswith("| `acequia_"):
            names, labels = line.split("|")[1:3]
            for name in re.findall(r"`(\w+)`", names):
                assert name not in documented, f"{name} is there twice"
                documented[name] = set(re.findall(r"`(\w+)`", labels))
    return documented


def documented_alerts():
    return set(re.findall(r"`(Acequia\w+)`", _DOCUMENT.read_text()))
