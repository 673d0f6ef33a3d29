"""Many browsers that are open and do nothing cost next to nothing, and are all told when it ends.

So many as `ACEQUIA_IDLE` says; `just idle` has more of them.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from harness import Server, Serving, eventually
from harness.crowd import PATIENCE_S, Guest, crowd, files_for

SESSIONS = int(os.environ.get("ACEQUIA_IDLE", "500"))
QUEUE = "idle"

# Twice of what it is, and what the server takes for itself meanwhile. A session with the buffers that
# libraries have by default would cost 130.
SESSION_KIB_MAX = 16
SLACK_KIB = 8 << 10

# How long it is watched, and how much of a processor it may take in that time: some thousandths are
# usual.
WATCHED_S = 5
BUSY_MAX = 0.1

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", autouse=True)
def files():
    with files_for(SESSIONS):
        yield


def cpu_s(process):
    """The processor time that it has taken so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def uptime_s():
    """The clock of /proc."""
    return float(Path("/proc/uptime").read_text().split()[0])


async def one_job(server, nth):
    guest = await Guest.come(server, nth)
    guest.send({"op": "submit", "id": nth, "payload": f"drop {nth}", "queue": QUEUE})
    event = await guest.hear("done", "failed", "rejected", "error")
    assert (event["ev"], event["id"], event.get("result")) == ("done", nth, f"DROP {nth}"), event
    return guest


async def a_few_at_a_time(server, at_once=50):
    """Sessions as they gather over a day: what a storm would need for the moment is not asked here."""
    guests = []
    for first in range(0, SESSIONS, at_once):
        many = range(first, min(first + at_once, SESSIONS))
        guests += await asyncio.gather(*(one_job(server, nth) for nth in many))
    return guests


async def a_quiet_day(server):
    with Serving(server, lambda job: job.body.upper(), slots=64, queues=[QUEUE]):
        server.wait_workers(1)
        before = server.process.status("VmRSS")
        guests = await a_few_at_a_time(server)
        server.wait_metric("acequia_jobs_ended_total", SESSIONS, queue=QUEUE, outcome="done")
        grown = server.process.status("VmRSS") - before
        print(f"{SESSIONS} idle sessions: {grown / SESSIONS:.1f} KiB each")
        assert grown < SESSION_KIB_MAX * SESSIONS + SLACK_KIB
        assert server.metric("acequia_sessions") == SESSIONS

        since, used = uptime_s(), cpu_s(server.process)
        eventually(lambda: uptime_s() - since >= WATCHED_S, "time to pass")
        busy = (cpu_s(server.process) - used) / (uptime_s() - since)
        print(f"{busy:.4f} of a processor while all are idle")
        assert busy < BUSY_MAX
    # The last worker is gone as well: nobody has anything to do.
    goodbyes = [asyncio.ensure_future(guest.goodbye()) for guest in guests]
    stopping = time.monotonic()
    server.process.signal(signal.SIGTERM)
    heard = await asyncio.gather(*goodbyes, return_exceptions=True)
    print(f"all had heard it after {time.monotonic() - stopping:.2f} s")
    lost = [result for result in heard if isinstance(result, BaseException)]
    assert not lost, f"{len(lost)} were not told, or not to the end: {lost[:3]}"
    return heard


def test_they_cost_little_and_are_told_the_end():
    server = Server()
    heard = crowd(a_quiet_day(server), PATIENCE_S)
    for events, code in heard:
        assert code == 1001
        assert [event["ev"] for event in events] == ["bye"], events
    pauses = [events[0]["reconnect_in_ms"] for events, _ in heard]
    assert len(set(pauses)) > min(SESSIONS, 1000) / 2, "they should not all come back at once"
    assert server.process.wait() == 0
    assert not any("panicked" in line or " WARN " in line for line in server.process.stderr)
