"""Of servers that are doors: a run begins again only for a reason, and that the owner has died is none.

A worker keeps what it has whoever the owner is, for as long as its own door lives, is linked, and finds the next owner
before that one has waited long enough.
"""

import troubles
from fleet import LEASE_S, beats, nth_of, server_of
from jobs import KINDS
from troubles import AROUND_NS, LAIN_NS, S, is_worker_disturbed, overlap, unsettled

SILENT_NS = 4 * S  # an end of a link that hears nothing for a little longer gives it up
MISSED_NS = LEASE_S * S // 2  # for as long nothing of a worker that beats can be lacking before it has lost its runs
ADOPTION_NS = 2 * S  # for as long an owner waits for workers that have runs
FOUND_NS = 2 * S  # until a door has found an owner, if nothing is in its way


def not_doubled(books, _):
    """No run begins once more without a reason."""
    for submit, run, again in again_begun(books):
        if not reason(books, submit, run, again):
            yield f"{submit} began again without a reason: {run}, {again}"


def reasons(books):
    """What runs have begun again for."""
    for submit, run, again in again_begun(books):
        yield reason(books, submit, run, again)


def again_begun(books):
    """Runs, and those of the same job that began next: (submit, run, run)."""
    # Of a key there are several submits, and one job.
    submits = {submit.nonce: submit for submit in books.submits.values()}
    for nonce, submit in submits.items():
        for job in {run.job for run in books.runs_by_nonce.get(nonce, ())}:
            runs = sorted(books.runs(job), key=lambda run: run.at_ns)
            for run, again in zip(runs, runs[1:], strict=False):
                yield submit, run, again


def reason(books, submit, run, again):
    """Why a run began again; nothing if there is no reason."""
    if is_retry(submit, run, again):
        return "retry"
    # What was taken away may begin after what came in its place, at a worker that has others.
    ways = [(run, again)] if again.attempt > run.attempt else [(run, again), (again, run)]
    return next((why for taken, other in ways if (why := loss(books, taken, other))), None)


def loss(books, taken, other):
    """Why the one of two runs was taken from its worker, so that there was the other."""
    nth, from_ns = nth_of(taken.worker), min(taken.at_ns, other.at_ns) - LAIN_NS
    door, to_ns = server_of(nth), max(taken.at_ns, min(other.at_ns, kept_until(books, taken)))
    if is_worker_disturbed(books, nth, from_ns, to_ns):
        return "worker"
    missed_ns = MISSED_NS if beats(nth) else SILENT_NS
    if overlap(troubles.of_door(books, door, missed_ns, missed_ns, SILENT_NS), from_ns, to_ns + AROUND_NS):
        return "door"
    terms = [term for term in books.terms[1:] if from_ns <= term.at_ns <= to_ns]
    return "not found" if any(is_hindered(books, door, term) for term in terms) else None


def is_retry(submit, run, again):
    """Whether the run failed, as it was asked to."""
    failures = submit.fields.get("attempts", 1) - 1 if submit.kind == "flaky" else KINDS[submit.kind].failures[0]
    is_through = run.through_ns is not None and run.through_ns <= again.at_ns
    return run.attempt <= failures and again.attempt > run.attempt and is_through


def kept_until(books, run):
    """Until when nobody but its door may know how a run has ended: what it has said of that may be on its way for as
    long as that is held, or nobody takes it, or it cannot be written."""
    if run.through_ns is None:
        return float("inf")
    until_ns, door = run.through_ns + AROUND_NS, server_of(nth_of(run.worker))
    held = [(begin, end + AROUND_NS) for begin, end in [
        *books.spans_of(door, "hold_door", "free_door"), *books.spans("pause_server", "resume_server")]]
    return max([until_ns, *(end for begin, end in unsettled(books) + held if begin <= until_ns <= end)])


def is_hindered(books, door, term):
    """Whether a door may have found the owner of a term too late."""
    from_ns, to_ns = term.at_ns - AROUND_NS, term.at_ns + ADOPTION_NS + FOUND_NS
    links = books.spans_of(door, "hold_link", "free_link")
    links += [(deed.from_ns, deed.to_ns) for deed in books.deeds if deed.name in troubles.BREAKS and deed.whom == door]
    away = [span for begin, end in troubles.AWAY[:-1] for span in books.spans(begin, end)]
    return overlap([*troubles.of_door(books, door), *links, *away], from_ns, to_ns)
