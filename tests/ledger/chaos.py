"""What goes wrong, and when. A plan is made from a seed, so the same seed is the same plan."""

import random
import time

from fleet import CLIENTS, LEASE_S, PORTS, WORKERS

# How the server ends, and how often: at once, once more while it starts, or as it is asked to.
SERVER_ENDS = {"killed": 5, "killed twice": 2, "stopped": 2}


def plan(rng, seconds):
    """Deeds in the order of their times: (seconds from now, name of a deed of the fleet, its arguments)."""
    deeds = [*server(rng, seconds), *workers(rng, seconds), *clients(rng, seconds), *cuts(rng, seconds)]
    return sorted(deeds, key=lambda deed: deed[0])


def server(rng, seconds):
    """It ends and begins, again and again."""
    at = rng.uniform(0.3, seconds / 3)
    while at < seconds:
        how = rng.choices(list(SERVER_ENDS), list(SERVER_ENDS.values()))[0]
        yield at, "stop_server" if how == "stopped" else "kill_server", ()
        at += rng.uniform(0, 0.5)
        yield at, "launch_server", ()
        if how == "killed twice":
            at += rng.uniform(0.005, 0.15)
            yield at, "kill_server", ()
            at += rng.uniform(0, 0.2)
            yield at, "launch_server", ()
        at += rng.uniform(0.3, seconds / 2)


def workers(rng, seconds):
    """Most are killed and come again; one that beats may be stopped for longer than its lease."""
    for nth, kind in enumerate(WORKERS):
        at = rng.uniform(0, seconds)
        if kind == "rust" and rng.random() < 0.5:
            yield at, "pause_worker", (nth,)
            yield at + LEASE_S + rng.uniform(0.2, 1), "resume_worker", (nth,)
        elif rng.random() < 0.8:
            yield at, "kill_worker", (nth,)
            yield at + rng.uniform(0, 0.7), "start_worker", (nth,)


def clients(rng, seconds):
    for nth in range(CLIENTS):
        if rng.random() < 0.5:
            at = rng.uniform(0.2, seconds)
            yield at, "kill_client", (nth,)
            yield at + rng.uniform(0, 0.3), "start_client", (nth,)


def cuts(rng, seconds):
    for _ in range(rng.randint(2, 5)):
        which = random.Random(rng.random())
        yield rng.uniform(0, seconds), "cut", (rng.choice(PORTS), rng.choice((0.3, 1)), which)


def carry_out(deeds, fleet):
    """Each deed at its time. Returns how often each was done."""
    began, done = time.monotonic(), {}
    for at, name, arguments in deeds:
        time.sleep(max(0, began + at - time.monotonic()))
        getattr(fleet, name)(*arguments)
        done[name] = done.get(name, 0) + 1
    return done
