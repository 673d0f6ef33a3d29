"""A short run of the ledger, and that its rules find what is wrong. `just ledger` is a long one."""

import copy
import json
import os
import random
import socket
import socketserver
import sys
import threading
from pathlib import Path

import pytest

import audit
import books
import cluster_chaos
import door_chaos
import single_chaos
from harness import Process
from harness.tcp_proxy import TO_CLIENT, TO_SERVER
from link_proxy import LinkProxy, has_connection_from
from terms import Term

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
def test_nothing_is_lost_where_one_server_stands_in_for_another():
    seed = os.environ.get("LEDGER_SEED")
    code, process = ledger("--cluster", "--rounds", 2, "--seconds", 3, *(["--seed", seed] if seed else []))
    assert code == 0, process.log()


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_no_run_is_doubled_where_servers_are_doors():
    seed = os.environ.get("LEDGER_SEED")
    code, process = ledger("--doors", "--rounds", 3, "--seconds", 4, *(["--seed", seed] if seed else []))
    assert code == 0, process.log()


@pytest.mark.timeout(400)
def test_a_loss_would_be_seen(tmp_path):
    """A server without a journal forgets what it accepted, and the books tell so."""
    # The books of a failure are kept.
    env = {"TMPDIR": str(tmp_path)}
    code, process = ledger("--rounds", 2, "--seed", 2, "--only", "kills", "--without-journal", env=env)
    assert code == 1, process.log()
    assert any(line.startswith("readable: ") for line in process.stdout), process.log()


S = 10**9


def a_round_without_fault():
    """Jobs of a session that lived, among them a batch of two; one of a session that was cut off."""
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
    for id in (5, 6):
        add(book, known, id, "quick", batch="b")
    book.note({"t": 0, "session": "s1", "what": "batch", "batch": "b", "jobs": 2, "done": 2, "failed": 0, "cancelled": 0})
    add(book, known, 7, "slow")
    add(book, known, 8, "timed", timeout_ms=1500)
    add(book, known, 9, "outliving", ttl_ms=300)
    book.note({"session": "s1", "what": "finished"})
    book.looked_ns = 110 * S
    return book, known


def add(book, known, id, kind, **fields):
    """Another job of the session that lived, ten seconds after the one before."""
    nonce, job, at_ns = f"s1.{id}", f"j{id + 10}", id * 10 * S
    book.note({"t": at_ns, "session": "s1", "what": "submit", "id": id, "kind": kind, "nonce": nonce, **fields})
    book.note({"session": "s1", "what": "accepted", "id": id, "job": job})
    run_it(book, nonce, job, 1, "w1", at_ns)
    book.note({"t": at_ns + S // 5, "session": "s1", "what": "ended", "id": id, "job": job, "outcome": "done",
               "result": f"answer to {nonce}", "code": None})
    known[job] = {"job": job, "state": "done", "result": f"answer to {nonce}"}


def run_it(book, nonce, job, attempt, worker, at_ns):
    book.note_run(f"{nonce} {job} {attempt} {worker} {at_ns}")
    book.note_run(f"{nonce} {job} {attempt} {worker} {at_ns + S // 10} end")


def do(book, name, at_s, *arguments):
    book.deeds.append(books.Deed(name, arguments, int(at_s * S), int(at_s * S)))


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
    book.note({"session": "s1", "what": "duplicate", "id": 1, "message": "…"})
    book.note_run("s1.1 j4 1 w1 300000000")
    book.note({"session": "s1", "what": "ended", "id": 1, "job": "j4", "outcome": "done",
               "result": "answer to s1.1", "code": None})
    assert wrong(book, known) == set()


def test_what_has_a_reason_is_no_fault():
    """Runs that are taken for a reason, outcomes that are too old, a disk that is full."""
    book, known = a_round_without_fault()
    # Its worker was killed just before the server stood still.
    run_it(book, "s1.7", "j17", 2, "w2", 73 * S)
    do(book, "kill_worker", 70.5, 1)
    do(book, "pause_server", 70.6)
    do(book, "resume_server", 72.8)
    # It had just begun when the server was killed.
    fail(book, known, 9, "expired")
    do(book, "kill_server", 90.2)
    do(book, "fill_disk", 95, "limit")
    do(book, "be_written", 97)
    book.note({"t": 96 * S, "session": "s2", "what": "submit", "id": 2, "kind": "quick", "nonce": "s2.2"})
    book.note({"t": 96 * S, "session": "s2", "what": "rejected", "id": 2, "code": "storage"})
    # Its time did not count, and it was through.
    add(book, known, 10, "hanging", timeout_ms=50)
    do(book, "pause_server", 100.05)
    do(book, "resume_server", 102.5)
    # It lay at its worker until its time was over, and longer.
    fail(book, known, 8, "timeout")
    (run,) = book.runs("j18")
    run.at_ns, run.through_ns = 105 * S, 106 * S
    known["j18"] = None
    # Forgotten after a while.
    book.retention_ns = 20 * S
    known["j3"] = None
    assert wrong(book, known) == set()


def test_what_a_cluster_has_a_reason_for_is_no_fault():
    """Another server takes over, or the database is away."""
    book, known = a_round_without_fault()
    book.addresses, book.calm_ns = {"http://a:1"}, 105 * S
    book.note(turned_away())
    book.note(turned_away(owner=None))
    # It was begun by a server that stood still for longer than its lease.
    run_it(book, "s1.7", "j17", 2, "w2", 73 * S)
    do(book, "pause_server", 70.1, 0)
    do(book, "pause_server", 71, 1)
    do(book, "resume_server", 72, 1)
    do(book, "resume_server", 75.5, 0)
    # That it had begun could not be written.
    fail(book, known, 9, "expired")
    do(book, "hold_link", 89, 0)
    do(book, "free_link", 91, 0)
    book.note({"t": 96 * S, "session": "s2", "what": "submit", "id": 2, "kind": "quick", "nonce": "s2.2"})
    book.note({"t": 96 * S, "session": "s2", "what": "rejected", "id": 2, "code": "storage"})
    # It lay at its worker when all was calm again.
    add(book, known, 10, "keyed", key="k")
    run_it(book, "s1.10", "j20", 2, "w1", 107 * S)
    assert wrong(book, known) == set()


def begun_again(*deeds, terms=((0, 1),), worker="w2", of="w12", at_s=71):
    """Of three doors: a run of 70 s to 70.1 s at a worker of the first is one at another later, after these deeds."""
    book, known = a_round_without_fault()
    (run,) = book.runs_by_nonce["s1.7"]
    run.worker = worker
    run_it(book, "s1.7", "j17", 2, of, at_s * S)
    book.terms = [Term(epoch, server, int(at * S)) for epoch, (at, server) in enumerate(terms, 1)]
    for name, at, *arguments in deeds:
        do(book, name, at, *arguments)
    return book, known


# The owner is the second server, until the third takes over.
TAKEN_OVER = ((0, 1), (70.05, 2))


@pytest.mark.parametrize("told", [
    begun_again(("kill_worker", 70.05, 2)),
    begun_again(("cut", 70.05, "results", 1), worker="w1"),
    begun_again(("kill_server", 70.05, 0)),
    begun_again(("stop_server", 69, 0)),
    begun_again(("pause_server", 68, 0), ("resume_server", 70.5, 0)),
    begun_again(("cut_door", 70.05, 0)),
    begun_again(("hold_door", 69, 0, ()), ("free_door", 70.5, 0)),
    begun_again(("hold_door", 69, 0, ("to the server",)), ("free_door", 70.5, 0)),
    begun_again(("hold_door", 66, 0, ("to the client",)), ("free_door", 70.5, 0)),
    # How it ended nobody else may know, while that is not written.
    begun_again(("kill_database", 69), ("start_database", 90), ("kill_server", 95, 0), at_s=100),
    # It was still on its way when that was cut.
    begun_again(("hold_door", 69.9, 0, ("to the server",)), ("free_door", 72.9, 0), ("cut_door", 72.8, 0), worker="w0", at_s=73),
    # The door did not find the next owner.
    begun_again(("kill_server", 70, 1), ("hold_link", 69, 0, ()), ("free_link", 71, 0), terms=TAKEN_OVER),
    begun_again(("pause_database", 69), ("resume_database", 71), terms=TAKEN_OVER),
    begun_again(("pause_server", 70.1, 0), ("resume_server", 70.6, 0), terms=TAKEN_OVER),
])
def test_a_run_at_a_door_begins_again_for_a_reason(told):
    assert wrong(*told) == set()


@pytest.mark.parametrize("told", [
    begun_again(),
    begun_again(("kill_server", 70, 1), terms=TAKEN_OVER),
    begun_again(("stop_server", 70, 1), terms=TAKEN_OVER),
    begun_again(("pause_server", 62, 1), ("resume_server", 80, 1), terms=TAKEN_OVER),
    begun_again(("pause_server", 69, 1), ("resume_server", 70.9, 1)),
    # Not for long enough.
    begun_again(("pause_server", 69.9, 0), ("resume_server", 70.5, 0)),
    begun_again(("hold_door", 69.9, 0, ()), ("free_door", 70.5, 0)),
    begun_again(("hold_door", 68, 0, ("to the client",)), ("free_door", 70.5, 0)),
    # Somebody else.
    begun_again(("kill_worker", 70.05, 3), ("cut", 70.05, "results", 1), ("cut_door", 70, 2)),
    begun_again(("kill_server", 70, 1), ("hold_link", 69, 2, ()), ("free_link", 71, 2), terms=TAKEN_OVER),
    # Its worker had said how it ended, and that was written.
    begun_again(("cut_door", 72.8, 0), at_s=73),
    begun_again(("kill_server", 80, 0), at_s=81),
    # The former owner wakes, and gives it to a worker of its own.
    begun_again(("pause_server", 60, 1), ("resume_server", 70.9, 1), terms=TAKEN_OVER, of="w7"),
])
def test_a_run_at_a_door_that_begins_again_without_one_is_found(told):
    assert wrong(*told) == {"not doubled"}


def cut_off(*deeds, at="ws://a", by_proxy=False, forgotten=False, **said):
    """Of three doors: a client's connection has ended after 70 s, after these deeds."""
    book, known = a_round_without_fault()
    book.terms, book.servers = [Term(1, 1, 0)], {"ws://a": 0, "ws://b": 1}
    session = f"r1.c{int(by_proxy)}.1.1"
    book.note({"t": 70 * S, "session": session, "what": "lost", "at": at, "can_be_resumed": True, "heard": [1001, "bye"],
               "said": [1001, "bye"], **said})
    if forgotten:
        book.note({"session": session, "what": "forgotten"})
    for name, at_s, *arguments in deeds:
        do(book, name, at_s, *arguments)
    return book, known


@pytest.mark.parametrize("told", [
    cut_off(("kill_server", 69.9, 0)),
    cut_off(("stop_server", 68, 0), heard=None, said=None),
    cut_off(("pause_server", 60, 0), ("resume_server", 69, 0)),
    cut_off(("cut", 69.9, "http", 1), by_proxy=True, heard=None, said=None),
    cut_off(forgotten=True),
    cut_off(can_be_resumed=False),
    # It has heard nothing for too long.
    cut_off(heard=None, said=[1011, "keepalive ping timeout"]),
])
def test_a_session_is_cut_off_with_its_door(told):
    assert wrong(*told) == set()


@pytest.mark.parametrize("told", [
    cut_off(),
    cut_off(("kill_server", 69.9, 1), ("cut_door", 69.9, 0), ("hold_link", 60, 0), ("free_link", 69, 0)),
    cut_off(("kill_server", 69.9, 0), at="ws://b"),
    cut_off(("cut", 69.9, "http", 1), heard=None, said=None),
    cut_off(("cut", 69.9, "jobs", 1), by_proxy=True),
    cut_off(("stop_server", 60, 0)),
])
def test_a_session_that_is_cut_off_without_its_door_is_found(told):
    assert wrong(*told) == {"kept open"}


def test_a_batch_that_was_submitted_in_parts_is_told_in_parts():
    book, known = a_round_without_fault()
    book.note({"session": "s1", "what": "resubmit", "id": 6})
    book.batches["s1", "b"][:] = [{"jobs": 1, "done": 1, "failed": 0, "cancelled": 0}] * 2
    assert wrong(book, known) == set()


def test_the_end_of_a_batch_outlasts_the_server():
    """Whenever it ends: also between the end of the batch and when its client has heard of its jobs."""
    for at_s in (30, 60.15, 90):
        book, known = a_round_without_fault()
        del book.batches["s1", "b"]
        do(book, "kill_server", at_s)
        assert wrong(book, known) == {"batch told"}, at_s


def test_what_stands_still_goes_on_also_in_a_cluster():
    deeds_of = {"kills": "kill_server", "still": "pause_server", "clock": "step_clock", "database": "kill_database",
                "links": "hold_link", "writes": "lose_answer"}
    for only, deed in deeds_of.items():
        # In some rounds there is none.
        names = {name for seed in range(9) for _, name, _ in cluster_chaos.plan(random.Random(seed), 60, (only,)).deeds}
        assert deed in names and not names & ({*deeds_of.values()} - {deed}), only
    for seed in range(50):
        deeds = [(name, *arguments[:1]) for _, name, arguments in cluster_chaos.plan(random.Random(seed), 6).deeds]
        names = [name for name, *_ in deeds]
        ends = [("pause_database", "resume_database"), ("delay_request", "release_request"), ("hold_link", "free_link"),
                ("pause_server", "resume_server")]
        for begin, end in ends:
            assert names.count(begin) == names.count(end), (seed, begin)
        assert names.count("kill_database") + names.count("stop_database") == names.count("start_database")
        for nth in range(2):
            ended = deeds.count(("kill_server", nth)) + deeds.count(("stop_server", nth))
            assert ended == deeds.count(("launch_server", nth)), seed


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while said := self.request.recv(100):
            self.request.sendall(said)


@pytest.fixture
def echo():
    """Where one is told what one says."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address
        server.shutdown()
        thread.join()


def test_each_door_has_a_way_of_its_own(echo, make):
    doors = {}
    proxy = make(LinkProxy(echo, 2, doors.get))

    def connect(door):
        client = make(socket.socket())
        # Its port is known before it connects.
        client.bind(("127.0.0.1", 0))
        doors[client.getsockname()[1]] = door
        client.settimeout(30)
        client.connect(("127.0.0.1", proxy.port))
        return client

    def hears(client, said):
        client.sendall(said)
        return client.recv(100) == said

    first, second, stranger = connect(0), connect(1), connect(None)
    assert stranger.recv(1) == b""
    assert hears(first, b"1") and hears(second, b"2")
    assert has_connection_from(os.getpid(), first.getsockname()[1])
    assert not has_connection_from(os.getppid(), first.getsockname()[1])
    for way in (TO_SERVER, TO_CLIENT):
        proxy.hold_door(0, way)
        first.sendall(b"held")
        assert hears(second, b"3")
        first.setblocking(False)
        with pytest.raises(BlockingIOError):
            first.recv(1)
        first.settimeout(30)
        proxy.free_door(0)
        assert first.recv(100) == b"held"
    proxy.cut_door(0)
    with pytest.raises(ConnectionResetError):
        first.recv(1)
    assert hears(second, b"4")


def test_what_is_held_between_doors_is_freed():
    for only, deed in (("doors", "hold_door"), ("links", "hold_link"), ("still", "pause_server")):
        names = {name for seed in range(9) for _, name, _ in door_chaos.plan(random.Random(seed), 60, (only,)).deeds}
        assert deed in names and ("cut_door" in names) == (only == "doors"), only
    spared = owners = 0
    for seed in range(50):
        deeds = [(name, *arguments[:1]) for _, name, arguments in door_chaos.plan(random.Random(seed), 6).deeds]
        for nth in range(3):
            assert deeds.count(("hold_door", nth)) == deeds.count(("free_door", nth)), seed
            assert deeds.count(("pause_server", nth)) == deeds.count(("resume_server", nth)), seed
            of_server = {(name, nth) for name in ("kill_server", "stop_server", "pause_server", "cut_door", "hold_door", "hold_link")}
            spared += not of_server & set(deeds)
        # After one owner is restored, another is struck.
        of_owners = [(name, deed) for name, deed in ((name, *rest) for name, *rest in deeds if name in ("strike_owner", "restore"))]
        pairs = {"kill_server": "launch_server", "stop_server": "launch_server", "pause_server": "resume_server"}
        for (struck, how), (restored, again) in zip(of_owners[::2], of_owners[1::2], strict=True):
            assert (struck, restored, again) == ("strike_owner", "restore", pairs[how]), seed
            assert not {"kill_server", "stop_server", "pause_server"} & {name for name, *_ in deeds}, seed
        owners += bool(of_owners)
    assert owners > 10
    assert spared > 20


def test_plans_are_of_their_seed_and_of_what_is_asked_for():
    deeds_of = {"kills": "kill_server", "still": "pause_server", "disk": "fill_disk", "idle": "be_idle", "clock": "step_clock"}
    for only in [*single_chaos.DISASTERS, single_chaos.DISASTERS]:
        asked = only if isinstance(only, tuple) else (only,)
        first, again = (single_chaos.plan(random.Random(1), 60, asked) for _ in range(2))
        names = [name for _, name, _ in first.deeds]
        assert names == [name for _, name, _ in again.deeds]
        if only == "away":
            assert first.away and not names.count("kill_server")
        elif isinstance(only, str):
            assert deeds_of[only] in names and not first.away
    # What is stopped goes on, what is full gets room.
    for seed in range(50):
        names = [name for _, name, _ in single_chaos.plan(random.Random(seed), 6).deeds]
        for begin, end in (("pause_server", "resume_server"), ("fill_disk", "free_disk"), ("fill_disk", "be_written"),
                           ("pause_clients", "resume_clients"), ("pause_worker", "resume_worker")):
            assert names.count(begin) == names.count(end), (seed, begin)


def fail(book, known, id, code):
    """How one of the jobs that were added has ended."""
    book.submits["s1", id].ended[0].update(outcome="failed", code=code, result=None)
    job = f"j{id + 10}"
    known[job].update(state="failed", code=code)
    book.letters.append(job)


def expired_although_it_had_begun(book, known):
    fail(book, known, 9, "expired")


def expired_although_it_was_told_to_have_begun(book, known):
    fail(book, known, 9, "expired")
    book.note({"t": 90 * S, "session": "s1", "what": "started", "id": 9, "job": "j19"})
    book.runs_by_nonce["s1.9"].clear()
    do(book, "kill_server", 92)


def taken_by_a_server_that_stood_still(book, known):
    do(book, "pause_server", 70.1)
    do(book, "resume_server", 72.6)
    run_it(book, "s1.7", "j17", 2, "w2", 73 * S)


def lost_by_a_server_that_stood_still(book, known):
    do(book, "pause_server", 70.1)
    do(book, "resume_server", 72.6)
    fail(book, known, 7, "worker_lost")


def timed_out_although_it_was_through(book, known):
    do(book, "pause_server", 80)
    do(book, "resume_server", 83)
    fail(book, known, 8, "timeout")


def done_although_it_took_too_long(book, known):
    add(book, known, 10, "hanging", timeout_ms=50)
    do(book, "pause_server", 95)
    do(book, "resume_server", 97)


def a_batch_that_is_not_told(book, known):
    del book.batches["s1", "b"]


def a_batch_that_is_told_twice(book, known):
    book.batches["s1", "b"] *= 2


def a_batch_of_which_some_are_not_counted(book, known):
    book.batches["s1", "b"][0].update(jobs=1, done=1)


def a_batch_with_other_ends(book, known):
    book.batches["s1", "b"][0].update(done=1, failed=1)


def run_again_at_rest(book, known):
    add(book, known, 10, "keyed", key="k")
    book.calm_ns = 105 * S
    run_it(book, "s1.10", "j20", 2, "w1", 115 * S)


def turned_away(**fields):
    """By a server of a cluster, as it does that, apart from these fields."""
    problem = {"code": "standby", "owner": "http://a:1", **fields}
    return {"session": "s1", "what": "turned away", "status": 503, "said": json.dumps(problem),
            "kind": "application/problem+json", "retry_after": "1"}


def turned_away_to_a_stranger(book, known):
    book.addresses = {"http://a:1"}
    book.note(turned_away(owner="http://b:1"))


def turned_away_without_a_time(book, known):
    book.addresses = {"http://a:1"}
    book.note({**turned_away(), "retry_after": None})


def refused_while_the_database_was_there(book, known):
    do(book, "kill_database", 1)
    do(book, "start_database", 3)
    book.note({"t": 60 * S, "session": "s2", "what": "rejected", "id": 1, "code": "storage"})


def refused_after_all(book, known):
    do(book, "fill_disk", 1, "limit")
    do(book, "be_written", 3)
    book.note({"t": 60 * S, "session": "s2", "what": "rejected", "id": 1, "code": "storage"})


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


def told_of_a_duplicate(book, known):
    book.note({"session": "s1", "what": "duplicate", "id": 1, "message": "…"})


def told_of_another(book, known):
    book.submits["s1", 1].ended[0]["result"] = "answer to s2.1"


def told_otherwise(book, known):
    known["j1"].update(state="failed", code="worker_lost")


def failed_for_no_reason(book, known):
    book.submits["s1", 1].ended[0].update(outcome="failed", code="as_told")


def never_run(book, known):
    del book.runs_by_nonce["s2.1"]


def never_run_and_done(book, known):
    book.runs_by_nonce["s1.8"].clear()


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
    book.note({"session": "s2", "what": "rejected", "id": 1, "code": "queue_full"})


def forgotten(book, known):
    book.note({"session": "s1", "what": "forgotten"})


def heard_twice(book, known):
    book.note({"session": "s1", "what": "double", "ev": "done", "id": 1, "seq": 3})


def cannot_be_told(book, known):
    book.note({"t": 2 * S, "session": "s1", "what": "gap", "ev": "gap", "id": 1, "job": "j1", "missed": 1})


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
    (told_a_stranger, "nothing strange"), (told_of_a_duplicate, "nothing strange"),
    (told_of_another, "ended well"), (told_otherwise, "agreed"), (failed_for_no_reason, "ended well"),
    (never_run, "executed"), (never_run_and_done, "executed"), (run_under_another_name, "one job"), (one_key_two_jobs, "one job"),
    (run_from_nowhere, "nothing strange"), (run_too_early, "not too early"), (refused, "ended well"),
    (expired_although_it_had_begun, "not expired"), (expired_although_it_was_told_to_have_begun, "not expired"),
    (taken_by_a_server_that_stood_still, "not taken"),
    (lost_by_a_server_that_stood_still, "not taken"), (timed_out_although_it_was_through, "not timed out"),
    (done_although_it_took_too_long, "timed out"),
    (a_batch_that_is_not_told, "batch told"), (a_batch_that_is_told_twice, "batch told"),
    (a_batch_of_which_some_are_not_counted, "batch told"), (a_batch_with_other_ends, "batch told"),
    (refused_after_all, "refused for a reason"), (refused_while_the_database_was_there, "refused for a reason"),
    (run_again_at_rest, "not run again"),
    (turned_away_to_a_stranger, "turned away well"), (turned_away_without_a_time, "turned away well"),
])
def test_each_rule_finds_what_is_wrong(break_it, rule):
    book, known = a_round_without_fault()
    break_it(book, known)
    assert rule in wrong(book, known)
