"""A short run of the ledger, and that its rules find what is wrong. `just ledger` is a long one."""

import copy
import os
import sys
from pathlib import Path

import pytest

import audit
import books
from harness import Process

LEDGER = Path(__file__).parents[1] / "ledger"
ROUNDS = 3


def ledger(*args, env=None):
    """Runs it. Its server and the rest are children of its own, and it ends them itself."""
    process = Process([sys.executable, LEDGER, *args], name="ledger", env=env)
    code = process.wait(390)
    print(*process.stdout, sep="\n")
    return code, process


@pytest.mark.timeout(400)
def test_nothing_that_was_accepted_is_lost():
    seed = os.environ.get("LEDGER_SEED")
    code, process = ledger("--rounds", ROUNDS, *(["--seed", seed] if seed else []))
    assert code == 0, process.log()


@pytest.mark.timeout(400)
def test_a_loss_would_be_seen(tmp_path):
    """A server without a journal forgets what it accepted, and the books tell so."""
    # The books of a failure are kept.
    env = {"TMPDIR": str(tmp_path)}
    code, process = ledger("--rounds", 2, "--seed", 2, "--without-journal", env=env)
    assert code == 1, process.log()
    assert any(line.startswith("readable: ") for line in process.stdout), process.log()


def a_round_without_fault():
    """Two jobs of a session that lived, one of a session that was cut off."""
    book, known = books.Books(), {}
    for session in ("s1", "s2"):
        book.note({"session": session, "what": "opened"})
    for session, id, kind, job in (("s1", 1, "quick", "j1"), ("s1", 2, "delayed", "j2"), ("s2", 1, "quick", "j3")):
        nonce, delay = f"{session}.{id}", {"delay_ms": 100} if kind == "delayed" else {}
        book.note({"t": 0, "session": session, "what": "submit", "id": id, "kind": kind, "nonce": nonce, **delay})
        book.note({"session": session, "what": "accepted", "id": id, "job": job})
        book.note_run(f"{nonce} {job} 1 w1 200000000")
        known[job] = {"job": job, "state": "done", "result": f"answer to {nonce}"}
        if session == "s1":
            book.note({"session": session, "what": "ended", "id": id, "job": job, "outcome": "done",
                       "result": f"answer to {nonce}", "code": None})
    book.note({"session": "s1", "what": "finished"})
    return book, known


def wrong(book, known):
    return {what.partition(":")[0] for what in audit.violations(book, known)}


def test_no_rule_finds_what_is_not_there():
    assert wrong(*a_round_without_fault()) == set()


def test_what_the_protocol_allows_is_no_fault():
    """A session that began just before a crash, and a job that ended as it was submitted again."""
    book, known = a_round_without_fault()
    book.note({"session": "s3", "what": "opened"})
    book.note({"session": "s3", "what": "forgotten"})
    book.note({"session": "s1", "what": "resubmit", "id": 1})
    book.note_run("s1.1 j4 1 w1 300000000")
    book.note({"session": "s1", "what": "ended", "id": 1, "job": "j4", "outcome": "done",
               "result": "answer to s1.1", "code": None})
    assert wrong(book, known) == set()


def forget(book, known):
    known["j3"] = None


def leave_over(book, known):
    known["j3"]["state"] = "waiting"


def another_result(book, known):
    known["j3"]["result"] = "answer to s1.1"


def told_twice(book, known):
    ended = book.submits["s1", 1].ended
    ended.append(copy.copy(ended[0]))


def told_twice_of_the_same_job(book, known):
    book.note({"session": "s1", "what": "resubmit", "id": 1})
    told_twice(book, known)


def not_told(book, known):
    book.submits["s1", 1].ended.clear()


def told_a_stranger(book, known):
    book.note({"session": "s2", "what": "ended", "id": 9, "job": "j1", "outcome": "done"})


def told_of_another(book, known):
    book.submits["s1", 1].ended[0]["result"] = "answer to s2.1"


def told_otherwise(book, known):
    known["j1"].update(state="failed", code="worker_lost")


def failed_for_no_reason(book, known):
    book.submits["s1", 1].ended[0].update(outcome="failed", code="as_told")


def never_run(book, known):
    del book.runs_by_nonce["s2.1"]


def run_under_another_name(book, known):
    book.note_run("s2.1 j9 1 w1 200000000")


def one_key_two_jobs(book, known):
    for id, job in ((3, "j5"), (4, "j6")):
        book.note({"t": 0, "session": "s2", "what": "submit", "id": id, "kind": "keyed", "nonce": "s2.3", "key": "k"})
        book.note({"session": "s2", "what": "resubmit", "id": id})
        book.note({"session": "s2", "what": "accepted", "id": id, "job": job})
        book.note_run(f"s2.3 {job} 1 w1 200000000")
        known[job] = {"job": job, "state": "done", "result": "answer to s2.3"}


def run_from_nowhere(book, known):
    book.note_run("s3.1 j9 1 w1 200000000")


def run_too_early(book, known):
    book.note_run("s1.2 j2 1 w1 50000000")


def refused(book, known):
    book.note({"session": "s2", "what": "rejected", "id": 1, "code": "storage"})


def forgotten(book, known):
    book.note({"session": "s1", "what": "forgotten"})


def heard_twice(book, known):
    book.note({"session": "s1", "what": "double", "ev": "done", "id": 1, "seq": 3})


def cannot_be_told(book, known):
    book.note({"session": "s1", "what": "gap", "ev": "gap", "id": 1, "job": "j1", "missed": 1})


def buried_alive(book, known):
    book.letters.append("j3")


def not_buried(book, known):
    known["j3"].update(state="failed", code="worker_lost")


def buried_twice(book, known):
    book.letters += ["j9", "j9"]


@pytest.mark.parametrize("break_it, rule", [
    (forgotten, "in order"), (heard_twice, "in order"), (cannot_be_told, "in order"),
    (buried_alive, "buried"), (not_buried, "buried"), (buried_twice, "buried"),
    (forget, "readable"), (leave_over, "readable"), (another_result, "readable"),
    (told_twice, "told once"), (told_twice_of_the_same_job, "told once"), (not_told, "told all"),
    (told_a_stranger, "nothing strange"),
    (told_of_another, "ended well"), (told_otherwise, "agreed"), (failed_for_no_reason, "ended well"),
    (never_run, "executed"), (run_under_another_name, "one job"), (one_key_two_jobs, "one job"),
    (run_from_nowhere, "nothing strange"), (run_too_early, "not too early"), (refused, "ended well"),
])
def test_each_rule_finds_what_is_wrong(break_it, rule):
    book, known = a_round_without_fault()
    break_it(book, known)
    assert rule in wrong(book, known)
