"""Thousands of sessions that come, are cut off and come back, all at the same moment.

So many as `ACEQUIA_STORM` says; `just storm` has more of them.
"""

import asyncio
import os

import pytest

from harness import Serving, Steady, eventually
from harness.crowd import Guest, crowd, files_for
from harness.watch import Watch

SESSIONS = int(os.environ.get("ACEQUIA_STORM", "1000"))
QUEUE = "storm"

# What a session may cost while it is open and its jobs run, and what may be left of it afterwards:
# far more than it does, far less than if its buffers or its events were kept.
OPEN_KIB_MAX = 64
LEFT_KIB_MAX = 4
# Whatever their number is.
SLACK_KIB = 32 << 10

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", autouse=True)
def files():
    with files_for(SESSIONS):
        yield


@pytest.fixture(params=["memory", "journal"])
def server(new_server, tmp_path, request):
    journal = "none" if request.param == "memory" else tmp_path / "jobs.redb"
    # What is kept of jobs that ended is no matter of sessions.
    return new_server("--retention-s", "1", journal=journal)


def rss_kib(server):
    return server.process.status("VmRSS")


def open_files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


async def cut_off_in_mid_job(server, turn):
    """All come, each submits a job; once the server has spoken of all of them, all are gone."""
    async def come(nth):
        guest = await Guest.come(server, nth)
        guest.send({"op": "submit", "id": f"{turn}.{nth}", "payload": f"lost {turn} {nth}", "queue": QUEUE})
        # `accepted` is left out if more is known by then.
        await guest.hear("accepted", "started", "done")
        return guest

    guests = await asyncio.gather(*(come(nth) for nth in range(SESSIONS)))
    most = rss_kib(server)
    for guest in guests:
        guest.cut_off()
    return most


async def come_back(server, turn):
    """All come at once, and each is served; then all are gone."""
    async def come(nth):
        guest = await Guest.come(server, nth)
        # A name that it had before is free: it is another session.
        id = f"{turn}.{nth}"
        guest.send({"op": "submit", "id": id, "payload": f"drop {turn} {nth}", "queue": QUEUE})
        event = await guest.hear("done", "failed", "rejected", "error")
        assert (event["ev"], event["id"], event.get("result")) == ("done", id, f"DROP {turn} {nth}"), event
        return guest

    guests = await asyncio.gather(*(come(nth) for nth in range(SESSIONS)))
    most = rss_kib(server)
    for guest in guests:
        guest.cut_off()
    return most


def test_all_come_back_at_once(server, make):
    with Steady(server) as steady, Watch(server) as watch:
        make(Serving(server, lambda job: job.body.upper(), slots=64, queues=[QUEUE]))
        server.wait_workers(2)
        left = LEFT_KIB_MAX * SESSIONS + SLACK_KIB
        files, before, after = open_files(server), rss_kib(server), []
        for turn in range(3):
            most = max(crowd(cut_off_in_mid_job(server, turn)), crowd(come_back(server, turn)))
            assert most - before < OPEN_KIB_MAX * SESSIONS + SLACK_KIB
            # Jobs do not go with their sessions.
            jobs = 2 * SESSIONS * (turn + 1)
            server.wait_metric("acequia_jobs_ended_total", jobs, queue=QUEUE, outcome="done")
            # Only the steady client is left.
            eventually(lambda: server.metric("acequia_sessions") == 1, "the end of all sessions")
            eventually(lambda: open_files(server) <= files + 5, "all files to be closed")
            eventually(lambda: server.metric("acequia_payload_bytes") < 1000, "the end of all payloads")
            eventually(lambda: rss_kib(server) - before < left, "the memory to come back")
            after.append(rss_kib(server))
            print(f"{SESSIONS} sessions twice: {before >> 10} MiB before, {most >> 10} with all open, {after[-1] >> 10} after")
            assert watch.error is None, watch.error
            steady.go_on()
        assert server.metric("acequia_jobs_submitted_total", queue=QUEUE) == jobs
        assert server.total("acequia_jobs_rejected_total") == 0
        # The third storm needs no more than the first: nothing of it stays behind.
        assert after[2] - after[0] < left / 2
    assert not [line for line in server.process.stderr if " WARN " in line or "ERROR" in line]
