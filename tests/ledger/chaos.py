"""What goes wrong, and when. A plan is made from a seed, so the same seed is the same plan."""

import random
import time
from dataclasses import dataclass

from fleet import BEATING, CLIENTS, LEASE_S, PORTS, WORKERS

# What may be asked for. Workers and clients come and go, and connections are cut, in any case.
DISASTERS = ("kills", "still", "disk", "idle", "clock", "away")
# What happens to the server, how often, and of which disaster that is.
EPISODES = {
    "killed": (5, "kills"), "killed twice": (2, "kills"), "stopped": (2, "kills"),
    "stands still": (3, "still"), "full disk": (3, "disk"), "clock set": (3, "clock"),
}
HOURS = 3600
LONG_S, SHORT_S = 600, 6  # how long outcomes are kept: so that all can be asked for, or that some leave


@dataclass
class Plan:
    """One round."""

    deeds: list  # in the order of their times: (seconds from now, name of a deed of the fleet, its arguments)
    retention_s: int
    away: bool  # whether some clients stay away while more ends than their mailboxes hold


def plan(rng, seconds, disasters=DISASTERS):
    idle = "idle" in disasters and rng.random() < (0.3 if len(disasters) > 1 else 1)
    deeds = [*server(rng, seconds, disasters), *workers(rng, seconds), *clients(rng, seconds), *cuts(rng, seconds)]
    if idle:
        deeds += idle_disk(rng, max([seconds, *(at for at, *_ in deeds)]))
    # In the order of their making where the times are the same.
    return Plan(
        sorted(deeds, key=lambda deed: deed[0]),
        SHORT_S if idle else LONG_S,
        "away" in disasters and (len(disasters) == 1 or rng.random() < 0.5),
    )


def server(rng, seconds, disasters):
    """One thing after another happens to it. It is up at the end of each, and stays so for a while."""
    episodes = {name: weight for name, (weight, of) in EPISODES.items() if of in disasters}
    at = rng.uniform(0.3, seconds / 3)
    while episodes and at < seconds:
        what = rng.choices(list(episodes), list(episodes.values()))[0]
        for pause, name, arguments in episode(rng, what):
            at += pause
            yield at, name, arguments
        at += rng.uniform(0.3, seconds / 2)


def episode(rng, what):
    """Its deeds: (seconds after the one before, name, arguments)."""
    if what == "stands still":
        yield 0, "pause_server", ()
        yield LEASE_S + rng.uniform(0.3, 1.5), "resume_server", ()
    elif what == "full disk":
        yield 0, "fill_disk", (rng.choice(("space", "limit")),)
        yield rng.uniform(0.2, 2), "free_disk", ()
        yield 0, "be_written", ()
    elif what == "clock set":
        yield 0, "step_clock", (rng.choice((-1, 1)) * rng.randint(HOURS // 3, 4 * HOURS),)
        # Mostly the server ends too, once something has happened by the new time.
        if rng.random() < 0.7:
            yield rng.uniform(1.2, 2.5), rng.choice(("kill_server", "stop_server")), ()
            yield rng.uniform(0, 0.5), "launch_server", ()
    else:
        yield 0, "stop_server" if what == "stopped" else "kill_server", ()
        yield rng.uniform(0, 0.5), "launch_server", ()
        if what == "killed twice":
            yield rng.uniform(0.005, 0.15), "kill_server", ()
            yield rng.uniform(0, 0.2), "launch_server", ()


def idle_disk(rng, at):
    """Nobody asks for anything; the disk is full when old outcomes leave, and then somebody comes."""
    at += 0.1
    yield at, "pause_clients", ()
    yield at, "be_idle", ()
    yield at, "fill_disk", (rng.choice(("space", "limit")),)
    yield at, "stay", (rng.uniform(1.5, SHORT_S / 2),)
    yield at, "resume_clients", ()
    # New sessions are written, and others resumed, although no job is taken.
    for nth in range(CLIENTS):
        if rng.random() < 0.7:
            yield at, "kill_client", (nth,)
            yield at, "start_client", (nth,)
    yield at, "stay", (rng.uniform(0.5, 1.5),)
    yield at, "free_disk", ()
    yield at, "be_written", ()


def workers(rng, seconds):
    """Most are killed and come again; one that beats may be stopped for longer than its lease."""
    for nth in range(len(WORKERS)):
        at = rng.uniform(0, seconds)
        if nth in BEATING and rng.random() < 0.4:
            yield at, "pause_worker", (nth,)
            yield at + LEASE_S + rng.uniform(0.2, 1), "resume_worker", (nth,)
        elif rng.random() < 0.6:
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
    """Each deed at its time. Returns what was done when: (name, arguments, began and ended in ns)."""
    began, done = time.monotonic(), []
    for at, name, arguments in deeds:
        time.sleep(max(0, began + at - time.monotonic()))
        begin_ns = time.time_ns()
        getattr(fleet, name)(*arguments)
        done.append((name, arguments, begin_ns, time.time_ns()))
    return done
