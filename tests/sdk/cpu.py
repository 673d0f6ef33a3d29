"""Processor time of a process and of those that it has started."""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    """User and system time, in seconds, to one hundredth; with those below it, also those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    below = " ".join(each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children"))
    return sum(map(int, fields[11:15])) / _TICKS_PER_S + sum(cpu_s(child) for child in below.split())
