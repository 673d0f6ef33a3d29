"""What goes wrong with servers that are doors, with their database, and between them."""

import cluster_chaos
from chaos import Plan, in_order, may_be_away, one_after_another, peers
from cluster_chaos import LONG, OF_DATABASE, OF_LINKS, OF_SERVERS, SHORT, WAYS, episodes, of_database, of_link, of_server
from doors import SERVERS
from fleet import KINDS

# What may be asked for. Workers and clients come and go, and connections are cut, in any case.
DISASTERS = (*cluster_chaos.DISASTERS, "doors")
# Of the rounds in which something happens to each of what there are three of: so that often somebody is spared.
SHARE = 0.4
SHARE_OF_DATABASE = 0.3
OF_DOORS = {"cut": (3, "doors"), "held": (2, "doors"), "held for long": (2, "doors"), "cut for all": (1, "doors")}
# In other rounds it happens to whoever is the owner by then.
OF_OWNERS = {"killed": (4, "kills"), "stopped": (2, "kills"), "stands still": (1, "still"), "stands still for long": (3, "still")}
SHARE_OF_OWNERS = 0.4
COUNTED = {**cluster_chaos.COUNTED, "doors": ("cut_door", "hold_door")}


def plan(rng, seconds, disasters=DISASTERS):
    deeds = list(peers(rng, seconds, SERVERS * len(KINDS)))
    are_owners = rng.random() < SHARE_OF_OWNERS
    if are_owners:
        deeds += one_after_another(rng, OF_OWNERS, disasters, rng.uniform(0.3, 2), seconds, (0.5, seconds / 2), of_owner)
    for nth in range(SERVERS):
        for kinds, of in ((OF_SERVERS, of_server), (OF_LINKS, of_link), (OF_DOORS, of_door)):
            if of is of_server and are_owners:
                continue
            deeds += episodes(rng, seconds, disasters, kinds, lambda rng, what, of=of, nth=nth: of(rng, what, nth), SHARE)
    deeds += episodes(rng, seconds, disasters, OF_DATABASE, of_database, SHARE_OF_DATABASE)
    return Plan(in_order(deeds), may_be_away(rng, disasters))


def of_owner(rng, what):
    """Likewise, of the one that is it then."""
    if what.startswith("stands still"):
        yield 0, "strike_owner", ("pause_server",)
        yield rng.uniform(*(LONG if what.endswith("long") else SHORT)), "restore", ("resume_server",)
    else:
        yield 0, "strike_owner", ("kill_server" if what == "killed" else "stop_server",)
        yield rng.uniform(0, 1.5), "restore", ("launch_server",)


def of_door(rng, what, nth):
    """The deeds of an episode: (seconds after the one before, name, arguments)."""
    if what == "cut":
        for _ in range(rng.randint(1, 3)):
            yield rng.uniform(0, 0.5), "cut_door", (nth,)
    elif what == "cut for all":
        for each in range(SERVERS):
            yield 0, "cut_door", (each,)
    else:
        yield 0, "hold_door", (nth, rng.choice(WAYS))
        seconds = rng.uniform(*(LONG if what.endswith("long") else SHORT))
        # What was held is lost, or arrives late.
        if rng.random() < 0.5:
            yield seconds, "cut_door", (nth,)
            seconds = 0
        yield seconds, "free_door", (nth,)
