"""What goes wrong with servers of a cluster, with their database, and between them."""

from chaos import Plan, in_order, may_be_away, one_after_another, peers
from cluster import SERVERS
from fleet import KINDS

# What may be asked for. Workers and clients come and go, and connections are cut, in any case.
DISASTERS = ("kills", "still", "clock", "database", "links", "writes", "away")
SHARE = 0.7  # of the rounds in which something happens to each server, to each way to the database, to it
# What happens to a server, how often, and of which disaster that is.
OF_SERVERS = {"killed": (4, "kills"), "killed twice": (1, "kills"), "stopped": (3, "kills"),
              "stands still": (3, "still"), "stands still for long": (3, "still"), "clock set": (2, "clock")}
OF_DATABASE = {"killed": (3, "database"), "restarted": (2, "database"),
               "stands still": (2, "database"), "stands still for long": (1, "database")}
OF_LINKS = {"cut": (3, "links"), "held": (2, "links"), "held for long": (1, "links"),
            "lost answer": (2, "writes"), "lost request": (1, "writes"), "late request": (2, "writes")}
# A server's lease is 5 s.
SHORT, LONG = (0.2, 3.5), (5.2, 8)
HOURS = 3600
WAYS = ((), ("to the server",), ("to the client",))  # both, or one
# Columns of the table, and the deeds of which they are.
COUNTED = {"servers": ("kill_server",), "handed over": ("stop_server",), "still": ("pause_server",),
           "steps": ("step_clock",), "workers": ("kill_worker", "pause_worker"),
           "database": ("kill_database", "stop_database", "pause_database"), "links": ("cut_link", "hold_link"),
           "writes": ("break_link",), "takeovers": ("take_over",)}


def plan(rng, seconds, disasters=DISASTERS):
    deeds = list(peers(rng, seconds, SERVERS * len(KINDS)))
    for nth in range(SERVERS):
        deeds += episodes(rng, seconds, disasters, OF_SERVERS, lambda rng, what, nth=nth: of_server(rng, what, nth))
        deeds += episodes(rng, seconds, disasters, OF_LINKS, lambda rng, what, nth=nth: of_link(rng, what, nth))
    deeds += episodes(rng, seconds, disasters, OF_DATABASE, of_database)
    return Plan(in_order(deeds), may_be_away(rng, disasters))


def episodes(rng, seconds, disasters, kinds, episode, share=SHARE):
    """One after another; at the end of each all is well again. In some rounds there are none."""
    if rng.random() < share:
        begin, pause = rng.uniform(0.3, seconds * 0.8), (0.5, seconds)
        yield from one_after_another(rng, kinds, disasters, begin, seconds, pause, episode)


def of_server(rng, what, nth):
    """The deeds of an episode: (seconds after the one before, name, arguments)."""
    if what.startswith("stands still"):
        yield 0, "pause_server", (nth,)
        yield rng.uniform(*(LONG if what.endswith("long") else SHORT)), "resume_server", (nth,)
        return
    if what == "clock set":
        # By hours: only the database's clock counts.
        yield 0, "step_clock", (nth, rng.choice((-1, 1)) * rng.randint(HOURS // 3, 4 * HOURS))
        return
    yield 0, "stop_server" if what == "stopped" else "kill_server", (nth,)
    yield rng.uniform(0, 1.5), "launch_server", (nth,)
    if what == "killed twice":
        yield rng.uniform(0.005, 0.6), "kill_server", (nth,)
        yield rng.uniform(0, 0.5), "launch_server", (nth,)


def of_database(rng, what):
    if what.startswith("stands still"):
        yield 0, "pause_database", ()
        yield rng.uniform(*(LONG if what.endswith("long") else SHORT)), "resume_database", ()
    elif what == "killed":
        yield 0, "kill_database", ()
        yield rng.uniform(0, 3), "start_database", ()
    else:
        yield 0, "stop_database", (rng.choice(("fast", "immediate")),)
        yield rng.uniform(0, 1), "start_database", ()


def of_link(rng, what, nth):
    if what == "cut":
        for _ in range(rng.randint(1, 3)):
            yield rng.uniform(0, 0.3), "cut_link", (nth,)
    elif what.startswith("held"):
        yield 0, "hold_link", (nth, rng.choice(WAYS))
        seconds = rng.uniform(*(LONG if what.endswith("long") else SHORT))
        # What was held is lost, or arrives late.
        if rng.random() < 0.5:
            yield seconds, "cut_link", (nth,)
            seconds = 0
        yield seconds, "free_link", (nth,)
    else:
        of_groups = rng.randint(1, 20)
        if what == "late request":
            yield 0, "delay_request", (nth, of_groups)
            yield rng.uniform(0, 8), "release_request", (nth,)
        else:
            yield 0, what.replace("lost", "lose").replace(" ", "_"), (nth, of_groups)
