"""What is submitted, and how each job may end. Pure: chosen by a seeded generator.

A payload is a line for the worker: `NONCE MS FAILURES PADDING`. The nonce names the submit; the run
takes so many milliseconds, and says `fail` while its attempt is no higher than `FAILURES`.
"""

from dataclasses import dataclass, field

ALWAYS = 99
TOLD, TOLD_BY_SHELL = "as_told", "exit_7"  # the codes of a failure that the payload asked for
DONE, CANCELLED = ("done", None), ("cancelled", None)
LOST = ("failed", "worker_lost")  # whenever four workers of it were killed
TIMED_OUT, EXPIRED = ("failed", "timeout"), ("failed", "expired")
QUEUES = ("both", "zmq", "rust")


@dataclass(frozen=True)
class Kind:
    """Jobs of one sort."""

    weight: int
    ends: frozenset  # of (outcome, code); a job of any kind may be LOST
    runs_min: int = 1  # if it ended so without having been LOST, EXPIRED or cancelled
    ms: tuple = (0, 0)
    failures: tuple = (0, 0)
    padding: tuple = (0, 0)  # bytes
    fields: dict = field(default_factory=dict)
    queues: tuple = QUEUES


KINDS = {
    "quick": Kind(40, frozenset([DONE])),
    "slow": Kind(25, frozenset([DONE]), ms=(20, 200)),
    "large": Kind(5, frozenset([DONE]), padding=(1_000, 30_000)),
    "delayed": Kind(10, frozenset([DONE]), fields={"delay_ms": (50, 2000)}),
    # One attempt more than failures: it ends well.
    "flaky": Kind(8, frozenset([DONE]), failures=(1, 2)),
    "hopeless": Kind(
        4, frozenset([("failed", TOLD), ("failed", TOLD_BY_SHELL)]), runs_min=2, failures=(ALWAYS, ALWAYS)
    ),
    # Its time may be over before a busy or stopped worker begins; it is done if the server stood still.
    "hanging": Kind(
        3, frozenset([DONE, TIMED_OUT]), runs_min=0, ms=(400, 400), fields={"timeout_ms": (50, 150)}
    ),
    # Its worker is through long before; but it may be stopped meanwhile.
    "timed": Kind(6, frozenset([DONE, TIMED_OUT]), ms=(0, 100), fields={"timeout_ms": (1500, 1500)}),
    "expiring": Kind(4, frozenset([DONE, EXPIRED]), fields={"ttl_ms": (20, 1000)}),
    # Begins in time, mostly, and takes longer than that; at workers that beat often enough.
    "outliving": Kind(
        2, frozenset([DONE, EXPIRED]), ms=(800, 1400), fields={"ttl_ms": (300, 900)}, queues=("zmq",)
    ),
    "late": Kind(
        2, frozenset([DONE, EXPIRED]), fields={"delay_ms": (50, 800), "ttl_ms": (500, 2000)}
    ),
    "keyed": Kind(5, frozenset([DONE]), ms=(0, 50)),
    "cancelled": Kind(4, frozenset([DONE, CANCELLED]), ms=(20, 200)),
    # `on_disconnect: cancel`: nobody wants it when its client is gone.
    "leaving": Kind(4, frozenset([DONE, CANCELLED]), ms=(0, 100)),
}


def choose(rng, nonce):
    """A kind, and the fields of its `submit` without the id."""
    name = rng.choices(list(KINDS), [kind.weight for kind in KINDS.values()])[0]
    kind = KINDS[name]
    ms, failures = rng.randint(*kind.ms), rng.randint(*kind.failures)
    job = {
        "payload": f"{nonce} {ms} {failures} {'x' * rng.randint(*kind.padding)}",
        "queue": rng.choice(kind.queues),
        "priority": rng.randint(0, 9),
        **{key: rng.randint(*span) for key, span in kind.fields.items()},
    }
    if name == "flaky":
        job["attempts"] = failures + 1
    if name == "hopeless":
        job["attempts"] = 2
    if name == "keyed":
        job["key"] = f"key of {nonce}"
    if name == "leaving":
        job["on_disconnect"] = "cancel"
    return name, job


def many(nonce):
    """Likewise, one of very many."""
    return "quick", {"payload": f"{nonce} 0 0", "queue": "zmq"}


def answer(nonce):
    """The result of the job with this nonce."""
    return f"answer to {nonce}"
