"""What was done to somebody, as far as it explains what would be wrong otherwise."""

from fleet import HEALED_S, goes_by_proxy

S = 1_000_000_000  # in nanoseconds
WRITTEN_NS = 500 * 1_000_000  # what was longer ago than this is on the disk
LAIN_NS = 5 * S  # for as long a job may wait at a worker that has others
AROUND_NS = S  # what somebody does to others may show so much later
SERVER_ENDS = {"kill_server", "stop_server", "launch_server"}
# From which deed to which a journal that is a database cannot be written.
AWAY = (("kill_database", "start_database"), ("stop_database", "start_database"),
        ("pause_database", "resume_database"), ("hold_link", "free_link"))
BREAKS = {"cut_link", "break_link"}  # what takes the connection to it
STILL_S = 4  # a server that stands still for longer may find that another has taken over
WORKER_DEEDS = {"kill_worker", "start_worker", "pause_worker", "resume_worker"}


def unsettled(books):
    """From when to when the journal may be another server's, or its database out of reach: (ns, ns)."""
    spans = [span for begin, end in AWAY for span in books.spans(begin, end)]
    spans += [(deed.from_ns, deed.to_ns) for deed in books.deeds if deed.name in BREAKS]
    spans += [(begin, end) for begin, end in books.spans("pause_server", "resume_server") if end - begin > STILL_S * S]
    return [(begin - WRITTEN_NS, end + HEALED_S * S) for begin, end in spans]


def is_unsettled(books, from_ns, to_ns):
    return overlap(unsettled(books), from_ns, to_ns)


def overlap(spans, from_ns, to_ns):
    """Whether one of these has some of that time."""
    return any(begin <= to_ns and end >= from_ns for begin, end in spans)


def is_worker_disturbed(books, nth, from_ns, to_ns):
    """Whether between two moments something was done to this worker, or to its connections."""
    if any(deed.whom == nth for deed in books.done(WORKER_DEEDS, from_ns, to_ns)):
        return True
    cuts = (deed.arguments[0] for deed in books.done({"cut"}, from_ns, to_ns))
    return goes_by_proxy(nth) and any(port != "http" for port in cuts)


def is_disturbed(books, nth, from_ns, to_ns):
    """Whether between two moments something was done that takes a run from this worker."""
    return (bool(books.done(SERVER_ENDS, from_ns, to_ns)) or is_unsettled(books, from_ns, to_ns)
            or is_worker_disturbed(books, nth, from_ns, to_ns))


def of_server(books, server, still_ns=0):
    """From when to when a server was ended, or stood still for at least so long."""
    spans = [(deed.from_ns, deed.to_ns) for deed in books.deeds if deed.whom == server and deed.name in SERVER_ENDS]
    return spans + longer(still_ns, books.spans_of(server, "pause_server", "resume_server"))


def of_door(books, door, still_ns=0, held_ns=0, deaf_ns=0):
    """Likewise of a door that was cut off from the owner, too; or what it says was held for at least so long, or what
    it hears."""
    cuts = [(deed.from_ns, deed.to_ns) for deed in books.deeds if deed.whom == door and deed.name == "cut_door"]
    held = books.spans_of(door, "hold_door", "free_door", lambda deed: deed.arguments[1] != ("to the client",))
    deaf = books.spans_of(door, "hold_door", "free_door", lambda deed: deed.arguments[1] == ("to the client",))
    return of_server(books, door, still_ns) + cuts + longer(held_ns, held) + longer(deaf_ns, deaf)


def longer(least_ns, spans):
    return [(begin, end) for begin, end in spans if end - begin >= least_ns]
