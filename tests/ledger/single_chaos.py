"""What goes wrong with a single server, and with what it lives by."""

from chaos import Plan, in_order, may_be_away, one_after_another, peers
from fleet import CLIENTS, KINDS, LEASE_S, LONG_S

# What may be asked for. Workers and clients come and go, and connections are cut, in any case.
DISASTERS = ("kills", "still", "disk", "idle", "clock", "away")
# What happens to the server, how often, and of which disaster that is.
EPISODES = {
    "killed": (5, "kills"), "killed twice": (2, "kills"), "stopped": (2, "kills"),
    "stands still": (3, "still"), "full disk": (3, "disk"), "clock set": (3, "clock"),
}
HOURS = 3600
SHORT_S = 6  # how long outcomes are kept so that some leave
# Columns of the table, and the deeds of which they are.
COUNTED = {"servers": ("kill_server", "stop_server"), "workers": ("kill_worker", "pause_worker"),
           "still": ("pause_server",), "full": ("fill_disk",), "steps": ("step_clock",)}


def plan(rng, seconds, disasters=DISASTERS):
    idle = "idle" in disasters and rng.random() < (0.3 if len(disasters) > 1 else 1)
    begin, pause = rng.uniform(0.3, seconds / 3), (0.3, seconds / 2)
    # One thing after another happens to the server. It is up at the end of each, and stays so for a while.
    deeds = [*one_after_another(rng, EPISODES, disasters, begin, seconds, pause, episode),
             *peers(rng, seconds, len(KINDS))]
    if idle:
        deeds += idle_disk(rng, max([seconds, *(at for at, *_ in deeds)]))
    return Plan(in_order(deeds), may_be_away(rng, disasters), SHORT_S if idle else LONG_S)


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
