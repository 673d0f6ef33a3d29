"""The rules that must hold. Each is a function of the books; what it yields is a violation."""

import json

from doubles import not_doubled
from fleet import HEALED_S, beats, client_of, goes_by_proxy, nth_of, server_of
from jobs import CANCELLED, DONE, EXPIRED, KINDS, LOST, TIMED_OUT, answer
from troubles import AROUND_NS, LAIN_NS, WRITTEN_NS, S, is_disturbed, is_unsettled, of_door, of_server, overlap, unsettled

MS = 1_000_000  # in nanoseconds
EARLY_NS = 5 * MS  # times are written in whole milliseconds, here and there
APART_NS = 50 * MS  # the clocks of owners: each is the database's as of an answer, which was on its way
LEFT_NS = 3 * S  # until a client has lost a server that is told to stop
REFUSALS = {"draining", "storage"}  # nothing else is a reason to refuse these jobs
AWAY_CODES = {"draining", "standby"}  # of those that refuse whoever comes


def violations(books, known):
    """All of them. `known` maps each accepted job to what the server knows of it, or None."""
    # At a door, not to be taken is more than that.
    taken = not_doubled if books.terms else not_taken
    for rule in (nothing_strange, in_order, told_once, told_all, ended_well, readable, agreed, buried, executed, one_job,
                 not_too_early, not_expired, taken, not_timed_out, timed_out,
                 batch_told, refused_for_a_reason, not_run_again, turned_away_well, kept_open):
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
    for line in books.duplicates:
        submit = books.submits.get((line["session"], line["id"]))
        if submit is None or submit.nonce not in books.resubmitted:
            yield f"session {line['session']} did not submit this again: {line}"
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
    for submit in books.submits.values():
        for line in submit.gaps:
            if not may_be_forgotten(books, submit, line["job"], line["t"]):
                yield f"{submit} cannot be told of its outcome: {line}"


def may_be_forgotten(books, submit, job, at_ns):
    """Whether its outcome may be older by then than those that are kept."""
    runs = books.runs(job)
    if "timeout_ms" in submit.fields:
        # The last may have lain at its worker, behind others, until its time was over: it began after its end.
        runs = runs[:-1]
    seen = [submit.at_ns, *(at_ns for run in runs for at_ns in (run.at_ns, run.through_ns or 0))]
    return at_ns - max(seen) >= books.retention_ns


def told_once(books, _):
    """No outcome comes twice, and none after a refusal.

    What ends just when it is submitted again is another job then; or, by its key, told again.
    """
    for submit in books.submits.values():
        accepted, ended = submit.accepted, [said["job"] for said in submit.ended]
        is_again = submit.nonce in books.resubmitted
        # A session at a door goes on with another owner, which may tell it once more.
        if is_again or books.terms:
            accepted = set(accepted)
        is_told_again = len(set(ended)) < len(ended) and not (is_again and submit.fields.get("key"))
        if is_told_again or max(len(ended) + len(submit.rejected), len(accepted)) > 1 + is_again:
            yield f"{submit}: accepted {submit.accepted}, rejected {submit.rejected}, ended {submit.ended}"


def told_all(books, _):
    """A client that stayed connected heard of everything."""
    for submit in books.submits.values():
        if submit.session in books.finished and not (submit.ended or submit.rejected or submit.gaps):
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
                is_wanted = submit.kind != "leaving" or submit.session in books.finished
                if is_wanted and not may_be_forgotten(books, submit, job, books.looked_ns):
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
        if ends - {LOST, CANCELLED, EXPIRED} and runs < max(kind.runs_min, DONE in ends):
            yield f"{submit} ended in {ends} after {runs} runs"


def one_job(books, _):
    """One submit is one job, under one name, however often it runs and whoever speaks of it.

    One that is submitted again may have run before, and nothing of it been written; even then all
    who name a key hear of the same job, for as long as its outcome is kept.
    """
    names, first, late = {}, {}, set()
    for submit in books.submits.values():
        if submit.at_ns - first.setdefault(submit.nonce, submit.at_ns) >= books.retention_ns:
            late.add(submit.nonce)
    for submit in books.submits.values():
        if submit.nonce in late:
            continue
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
    early_ns = EARLY_NS + APART_NS * (len(books.addresses) > 1)
    for submit in books.submits.values():
        delay_ns = submit.fields.get("delay_ms", 0) * 1_000_000
        for run in books.runs_by_nonce.get(submit.nonce, ()):
            if delay_ns and run.at_ns < submit.at_ns + delay_ns - early_ns:
                early = (submit.at_ns + delay_ns - run.at_ns) / 1e6
                yield f"{submit} ran {early:.1f} ms too early: {run}"


def outcomes(books, known):
    """How each job ended, as it was told and as it is known: (submit, job, end)."""
    for submit in books.submits.values():
        said = {(line["job"], end_of(line)) for line in submit.ended}
        said |= {(job, end_of(known[job])) for job in submit.jobs if known.get(job) is not None}
        for job, end in said:
            yield submit, job, end


def not_expired(books, known):
    """What has begun does not expire, also if the server is another one by then."""
    for submit, job, end in outcomes(books, known):
        if end != EXPIRED:
            continue
        # What a client is told to have begun began just before; what is run may have lain at its worker.
        begun = [(line, line["t"] - AROUND_NS, line["t"]) for line in submit.started if line["job"] == job]
        begun += [(run, run.at_ns - LAIN_NS, run.at_ns) for run in books.runs(job)]
        for what, from_ns, to_ns in begun:
            # That it has begun may not be written yet when the server is killed.
            if not books.done({"kill_server"}, from_ns, to_ns + WRITTEN_NS) and not is_unsettled(books, from_ns, to_ns):
                yield f"{submit} has expired, and had begun: {what}"
                break


def not_taken(books, known):
    """No run is taken from a worker that lives and beats because the server stood still."""
    stood = books.spans("pause_server", "resume_server")
    for submit in books.submits.values():
        for job in submit.jobs:
            runs = books.runs(job)
            losses = [(run, again) for run, again in zip(runs, runs[1:], strict=False)]
            if (LOST in {end_of(said) for said in submit.ended} or known.get(job) and end_of(known[job]) == LOST) and runs:
                losses.append((runs[-1], None))
            for run, again in losses:
                nth, may_fail = nth_of(run.worker), KINDS[submit.kind].failures != (0, 0)
                over_ns = run.at_ns if again is None else again.at_ns
                from_ns, to_ns = min(run.at_ns, over_ns) - AROUND_NS, max(run.at_ns, over_ns) + AROUND_NS
                while_still = any(begin <= to_ns and end >= from_ns for begin, end in stood)
                if beats(nth) and while_still and not may_fail and not is_disturbed(books, nth, from_ns, to_ns):
                    yield f"{submit} was taken from its worker, which beats: {run}, {again}"


def not_timed_out(books, known):
    """What its worker was through with in time has not timed out, although nobody listened."""
    for submit, job, end in outcomes(books, known):
        runs = books.runs(job)
        if end != TIMED_OUT or not runs or runs[-1].through_ns is None:
            continue
        run, timeout_ns = runs[-1], submit.fields["timeout_ms"] * MS
        # Counted from its submit: before its turn it may have lain at a worker that has others.
        is_in_time = run.through_ns - submit.at_ns < timeout_ns / 2
        nth, to_ns = nth_of(run.worker), run.through_ns + timeout_ns
        # What it said may have waited at its door.
        waited = books.terms and overlap(of_door(books, server_of(nth)), submit.at_ns, to_ns)
        if is_in_time and not waited and not is_disturbed(books, nth, submit.at_ns, to_ns):
            yield f"{submit} has timed out, although its worker was through: {run}"


def timed_out(books, known):
    """A run that takes too long is given up, unless nobody listened meanwhile."""
    stood = books.spans("pause_server", "resume_server")
    for submit, job, end in outcomes(books, known):
        if end != DONE or submit.kind != "hanging":
            continue
        # Which of them it was that it is done by is not known.
        runs = books.runs(job)
        is_heard = not any(overlap(stood, run.at_ns, run.at_ns + AROUND_NS) for run in runs)
        # At a door a run goes on while there is no owner.
        goes_on = books.terms and any(is_disturbed(books, nth_of(run.worker), run.at_ns, run.at_ns + AROUND_NS) for run in runs)
        if runs and is_heard and not goes_on:
            yield f"{submit} is done, and should have timed out: {runs}"


def batch_told(books, known):
    """The end of a batch is told once, with all of its jobs, also over restarts of the server.

    Where some were submitted again there may be several of one name, one after another, that are all
    of them together.
    """
    batches = {}
    for submit in books.submits.values():
        if submit.session in books.finished and "batch" in submit.fields:
            batches.setdefault((submit.session, submit.fields["batch"]), []).append(submit)
    for key, submits in batches.items():
        told, jobs = books.batches.get(key, []), set().union(*(submit.jobs for submit in submits))
        ends = [said["outcome"] for submit in submits for said in submit.ended]
        is_known = not any(submit.gaps for submit in submits)
        name = f"{key[1]} of session {key[0]}, {len(jobs)} jobs"
        is_again = any(submit.nonce in books.resubmitted for submit in submits)
        if not told and jobs or len(told) > 1 and not is_again:
            yield f"{name}, was told {len(told)} times: {told}"
        elif sum(line["jobs"] for line in told) != len(jobs):
            yield f"{name}, was told as {told}"
        elif is_known and any(sum(line[end] for line in told) != ends.count(end) for end in ("done", "failed", "cancelled")):
            yield f"{name}, of which {ends.count('done')} are done, was told as {told}"


def refused_for_a_reason(books, _):
    """No job is refused because of a disk that has room, or of a database that is there."""
    full = [(begin, end + HEALED_S * S) for begin, end in books.spans("fill_disk", "be_written")]
    full += unsettled(books)
    for line in books.storage:
        if not any(begin <= line["t"] <= end for begin, end in full):
            yield f"session {line['session']} was refused while there was room: {line}"


def not_run_again(books, _):
    """At rest, a job with a key whose outcome is kept is told of it, and does not run once more."""
    for submit in books.submits.values():
        if submit.kind != "keyed" or books.calm_ns - submit.at_ns >= books.retention_ns:
            continue
        ended = [line["t"] for line in submit.ended if line["t"] < books.calm_ns]
        # What was begun before may lie at its worker.
        late = [run for run in books.runs_by_nonce.get(submit.nonce, ()) if run.at_ns > books.calm_ns + LAIN_NS]
        if ended and late:
            yield f"{submit} had ended, and ran once more: {late}"


def turned_away_well(books, _):
    """Who asks a server that does not work is told so, who does, and when to ask again."""
    for line in books.turned_away:
        is_well = line["status"] == 503 and line["kind"] == "application/problem+json" and line["retry_after"]
        said = json.loads(line["said"]) if is_well else {}
        if said.get("code") not in AWAY_CODES or said.get("owner") not in books.addresses | {None}:
            yield f"session {line['session']} was turned away otherwise: {line}"


def kept_open(books, _):
    """A session that can be resumed stays open for as long as the door lives that it is at, whoever the owner is.

    One of which nothing was written yet is not known to the next owner.
    """
    if not books.terms:
        return
    for line in books.losses:
        at_ns = line["t"]
        # A client that hears nothing for too long leaves.
        has_left = line["heard"] is None and line["said"] is not None
        if not line["can_be_resumed"] or has_left or line["session"] in books.forgotten:
            continue
        spans = of_server(books, books.servers[line["at"]])
        if goes_by_proxy(client_of(line["session"])):
            spans += [(deed.from_ns, deed.to_ns) for deed in books.deeds if deed.name == "cut" and deed.arguments[0] == "http"]
        if not overlap(spans, at_ns - LEFT_NS, at_ns):
            yield f"session {line['session']} was cut off, and its door lives: {line}"
