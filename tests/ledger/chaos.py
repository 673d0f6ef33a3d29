"""What goes wrong, and when. A plan is made from a seed, so the same seed is the same plan.

Here is what peers suffer, whatever they serve.
"""

import random
import time
from dataclasses import dataclass

from fleet import CLIENTS, LEASE_S, LONG_S, beats
from ways import PORTS


@dataclass
class Plan:
    """One round."""

    deeds: list  # in the order of their times: (seconds from now, name of a deed of the fleet, its arguments)
    away: bool  # whether some clients stay away while more ends than their mailboxes hold
    retention_s: int = LONG_S


def in_order(deeds):
    """In that of their making where the times are the same."""
    return sorted(deeds, key=lambda deed: deed[0])


def may_be_away(rng, disasters):
    """Whether clients are: in every other round, or always if that is all that is asked for."""
    return "away" in disasters and (len(disasters) == 1 or rng.random() < 0.5)


def one_after_another(rng, kinds, disasters, at, until, pause, episode):
    """Of the kinds of episodes that were asked for: how often each comes, and of which disaster it is."""
    kinds = {name: weight for name, (weight, of) in kinds.items() if of in disasters}
    while kinds and at < until:
        what = rng.choices(list(kinds), list(kinds.values()))[0]
        for after, name, arguments in episode(rng, what):
            at += after
            yield at, name, arguments
        at += rng.uniform(*pause)


def peers(rng, seconds, count):
    """What happens to all of them, of whom so many are workers."""
    yield from workers(rng, seconds, count)
    yield from clients(rng, seconds)
    yield from cuts(rng, seconds)


def workers(rng, seconds, count):
    """Most are killed and come again; one that beats may be stopped for longer than its lease."""
    for nth in range(count):
        at = rng.uniform(0, seconds)
        if beats(nth) and rng.random() < 0.4:
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
