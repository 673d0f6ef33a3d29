"""The rules that must hold. Each is a function of the books; what it yields is a violation."""

from jobs import CANCELLED, DONE, KINDS, LOST, answer

EARLY_NS = 5_000_000  # times are written in whole milliseconds, here and there
REFUSALS = {"draining"}  # nothing else is a reason to refuse these jobs


def violations(books, known):
    """All of them. `known` maps each accepted job to what the server knows of it, or None."""
    for rule in (nothing_strange, in_order, told_once, told_all, ended_well, readable, agreed, buried, executed, one_job,
                 not_too_early):
        for what in rule(books, known):
            yield f"{rule.__name__.replace('_', ' ')}: {what}"


def end_of(said):
    """How it ended: an outcome, and the code of a failure."""
    outcome = said.get("outcome") or said.get("state")
    return outcome, said["code"] if outcome == "failed" else None


def may_end(submit, end):
    return end in KINDS[submit.kind].ends or end == LOST


def nothing_strange(books, _):
    """Nobody hears of, and nobody runs, what was not submitted."""
    for line in books.strangers:
        yield f"session {line['session']} never submitted {line}"
    nonces = {submit.nonce for submit in books.submits.values()}
    for nonce in books.runs_by_nonce.keys() - nonces:
        yield f"{nonce} ran, and nobody submitted it"


def in_order(books, _):
    """A session that is resumed goes on, with no event twice, and none of its outcomes missing.

    One that began just before a crash is on the disk with the first job that was accepted.
    """
    kept = {submit.session for submit in books.submits.values() if submit.accepted}
    for session in books.forgotten & kept:
        yield f"session {session} was forgotten"
    for line in books.doubles:
        yield f"session {line['session']} heard twice: {line}"
    for line in books.gaps:
        if "id" in line:
            yield f"session {line['session']} cannot be told of an outcome: {line}"


def told_once(books, _):
    """No outcome comes twice, and none after a refusal.

    What ends just when it is submitted again is another job then; or, by its key, told again.
    """
    for submit in books.submits.values():
        accepted, ended = submit.accepted, [said["job"] for said in submit.ended]
        is_again = submit.nonce in books.resubmitted
        if is_again:
            accepted = set(accepted)
        is_told_again = len(set(ended)) < len(ended) and not (is_again and submit.fields.get("key"))
        if is_told_again or max(len(ended) + len(submit.rejected), len(accepted)) > 1 + is_again:
            yield f"{submit}: accepted {submit.accepted}, rejected {submit.rejected}, ended {submit.ended}"


def told_all(books, _):
    """A client that stayed connected heard of everything."""
    for submit in books.submits.values():
        if submit.session in books.finished and not submit.ended and not submit.rejected:
            yield f"{submit} has no outcome, although its session lived"


def ended_well(books, _):
    """Each job ends as its kind may, with its own result."""
    for submit in books.submits.values():
        for code in submit.rejected:
            if code not in REFUSALS:
                yield f"{submit} was rejected: {code}"
        for said in submit.ended:
            if not may_end(submit, end_of(said)):
                yield f"{submit} ended in {said}"
            if end_of(said) == DONE and said["result"] != answer(submit.nonce):
                yield f"{submit} got another result: {said}"


def readable(books, known):
    """The end of every accepted job can be asked for, also by those who were cut off."""
    for submit in books.submits.values():
        for job in submit.accepted:
            found = known[job]
            if found is None:
                # With its session ends the wish for it.
                if submit.kind != "leaving" or submit.session in books.finished:
                    yield f"{submit}, job {job}, was accepted and is not known"
            elif not may_end(submit, end_of(found)) and not (
                submit.kind == "leaving" and end_of(found) == CANCELLED
            ):
                yield f"{submit}, job {job}, was accepted and is {found}"
            elif end_of(found) == DONE and found["result"] != answer(submit.nonce):
                yield f"{submit}, job {job}, has another result: {found}"


def agreed(books, known):
    """What was told to a session that lived to the end is what the server still knows."""
    for submit in books.submits.values():
        if submit.session in books.finished:
            for said in submit.ended:
                found = known.get(said["job"])
                if found is not None and end_of(found) != end_of(said):
                    yield f"{submit} was told {said}, and the server knows {found}"


def buried(books, known):
    """Each job that failed is a dead letter, once; and no other."""
    letters = set(books.letters)
    if len(letters) < len(books.letters):
        yield f"{len(books.letters) - len(letters)} dead letters are there twice"
    for job, found in known.items():
        if found is not None and (found["state"] == "failed") != (job in letters):
            yield f"the job {job} is {found}, and {'a' if job in letters else 'no'} dead letter"


def executed(books, known):
    """What was accepted and is done was run, and what failed was run as often as it may fail."""
    for submit in books.submits.values():
        ends = {end_of(said) for said in submit.ended}
        ends |= {end_of(known[job]) for job in submit.accepted if known[job] is not None}
        kind, runs = KINDS[submit.kind], len(books.runs_by_nonce.get(submit.nonce, ()))
        if ends - {LOST, CANCELLED, ("failed", "expired")} and runs < kind.runs_min:
            yield f"{submit} ended in {ends} after {runs} runs"


def one_job(books, _):
    """One submit is one job, under one name, however often it runs and whoever speaks of it.

    One that is submitted again may have run before, and nothing of it been written; even then all
    who name a key hear of the same job.
    """
    names = {}
    for submit in books.submits.values():
        if submit.nonce in books.resubmitted and not submit.fields.get("key"):
            continue
        of_it = names.setdefault(submit.nonce, set())
        of_it.update(submit.accepted, (said["job"] for said in submit.ended))
    for nonce, of_it in names.items():
        if nonce not in books.resubmitted:
            of_it.update(run.job for run in books.runs_by_nonce.get(nonce, ()))
        if len(of_it) > 1:
            yield f"{nonce} is several jobs: {sorted(of_it)}"


def not_too_early(books, _):
    """A delay is kept, also across restarts of the server."""
    for submit in books.submits.values():
        delay_ns = submit.fields.get("delay_ms", 0) * 1_000_000
        for run in books.runs_by_nonce.get(submit.nonce, ()):
            if delay_ns and run.at_ns < submit.at_ns + delay_ns - EARLY_NS:
                early = (submit.at_ns + delay_ns - run.at_ns) / 1e6
                yield f"{submit} ran {early:.1f} ms too early: {run}"
