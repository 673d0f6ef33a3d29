"""A worker as a process of `acequia pool`, which knows nothing of its SDK."""

import os
import signal

import pytest

from harness.pool import Pool


@pytest.fixture
def new_pool(server, admin, sdk):
    return lambda *args: Pool(server, admin, "--queue", "sleep", *args, "--", *sdk.command, env=sdk.env)


def test_it_grows_and_shrinks(server, client, new_pool):
    pool = new_pool("--max", "3", "--slots", "2", "--idle-s", "1")
    for _ in range(2):
        before = len(client.events)
        ids = client.submit_many([100] * 60, queue="sleep")
        pool.wait_processes(3)
        for id in ids:
            client.result(id)
        pool.wait_processes(0)
        assert not [event for event in client.events[before:] if event["ev"] == "retrying"]
    assert pool.stop() == 0
    # Each went by itself.
    assert not [line for line in pool.process.stderr if "is killed" in line], pool.process.log()


def test_its_end(server, admin, client, new_pool):
    """What runs is finished, and nothing is run twice."""
    pool = new_pool("--max", "2", "--slots", "2")
    ids = client.submit_many([1500] * 8, queue="sleep")
    for id in ids[:4]:
        client.heard("started", id=id)
    assert pool.stop() == 0
    # Those that waited still do.
    for id in ids[:4]:
        client.result(id)
    again = new_pool("--max", "4", "--slots", "2")
    for id in ids:
        client.result(id)
    assert not [event for event in client.events if event["ev"] == "retrying"]
    assert again.stop() == 0


def test_who_is_killed_is_replaced(server, client, new_pool):
    pool = new_pool("--min", "1", "--max", "1")
    server.wait_workers(1)
    (pid,) = pool.wait_processes(1)
    ids = client.submit_many([1000] * 2, queue="sleep")
    client.heard("started", id=ids[0])
    os.kill(pid, signal.SIGKILL)
    for id in ids:
        client.result(id)
    assert pool.stop() == 0
