"""Sessions that outlive their connection, and the server."""

import random
import signal
import sys
from pathlib import Path

import pytest

from harness import Admin, Client, Process, Serving
from harness.process import eventually
from harness.sessions import begin, cut, ends, last_of, numbered, resume

HERE = Path(__file__).parent
NUMBERLESS = {"welcome", "bye"}
SLOW = 30  # milliseconds of a run


@pytest.fixture(params=["json", "msgpack"])
def encoding(request):
    return request.param


def slow_worker(server, name="slow"):
    """Jobs are milliseconds to sleep; it reconnects by itself."""
    return Process([sys.executable, HERE / "timing_worker.py", server.jobs, server.results, name], name=name)


def test_every_event_has_its_number(server, encoding):
    slow_worker(server)
    client, _ = begin(server, encoding)
    with client:
        client.result(client.submit(1))
        client.barrier()
        told = [event for event in client.events if event["ev"] not in NUMBERLESS]
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))


def test_other_sessions_have_none(server, encoding):
    slow_worker(server)
    with Client(server, encoding) as client:
        client.send({"op": "hello"})
        assert "session" not in client.heard("welcome")
        client.result(client.submit(1))
        assert not numbered(client)


def test_a_client_that_comes_back_gets_what_it_missed(server, encoding):
    slow_worker(server)
    client, secret = begin(server, encoding)
    ids = client.submit_many([SLOW] * 100)
    client.outcomes(5)
    cut(client)
    seen = numbered(client)
    eventually(lambda: server.total("acequia_jobs_ended_total") == 100, "the end of all jobs", 30)
    again, welcome = resume(server, secret, last_of(client), encoding)
    with again:
        assert welcome["resumed"] is True and welcome["session"] == secret
        again.outcomes(100 - len(ends(seen)))
        again.barrier()
        all_of_them = seen + [event for event in numbered(again) if event["ev"] != "error"]
        assert sorted(ends(all_of_them)) == ids, "each outcome once"
        numbers = [event["seq"] for event in all_of_them]
        assert numbers == list(range(1, len(numbers) + 1)), "no hole and no double"
        # It goes on as any other.
        assert again.result(again.submit(1, id="more")) == "done"


def test_what_was_acknowledged_does_not_come_again(server):
    slow_worker(server)
    client, secret = begin(server)
    client.result(client.submit(1))
    client.barrier()
    client.send({"op": "ack", "seq": last_of(client)})
    client.barrier()
    cut(client)
    # Whatever it claims to have seen.
    again, _ = resume(server, secret, 0)
    with again:
        again.barrier()
        assert [event["ev"] for event in numbered(again)] == ["error", "error"], "the barriers alone"


def test_whoever_has_the_secret_takes_over_and_the_other_is_told(server):
    slow_worker(server)
    client, secret = begin(server)
    id = client.submit(300)
    client.heard("started", id=id)
    again, welcome = resume(server, secret, last_of(client))
    with again:
        assert welcome["resumed"] is True
        bye = client.heard("bye")
        assert bye["reason"] and bye["close"] == 4001
        client.wait_closed()
        assert client.closed == 4001
        assert again.result(id) == "done"
        assert not ends(numbered(client))


def test_an_unknown_secret_gets_a_new_session(server):
    client, welcome = resume(server, "0" * 64, 7)
    with client:
        assert welcome["resumed"] is False and welcome["session"] != "0" * 64
        id = client.submit(1)
        slow_worker(server)
        client.result(id)
        assert numbered(client)[0]["seq"] == 1


def test_hello_comes_first(server):
    with Client(server) as client:
        client.barrier()
        client.send({"op": "hello", "resume": True})
        assert client.heard("error", code="bad_request", nth=2)["message"].startswith("hello")


def test_a_session_ends_when_nobody_comes_back(new_server):
    server = new_server("--session-s", "1")
    client, secret = begin(server)
    client.submit(1)
    client.barrier()
    cut(client)
    eventually(lambda: server.metric("acequia_sessions") == 0, "the end of the session")
    again, welcome = resume(server, secret, 0)
    with again:
        assert welcome["resumed"] is False


def test_across_kill_9_of_the_server(new_server, tmp_path, encoding):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    slow_worker(server)
    client, secret = begin(server, encoding)
    ids = client.submit_many([SLOW] * 100)
    client.accepted(ids)
    client.outcomes(10)
    cut(client)
    seen = numbered(client)
    ended = len(ends(seen)) + 10
    eventually(lambda: server.total("acequia_jobs_ended_total") >= ended, "some more outcomes", 30)
    server.kill()
    server.start_again()
    again, welcome = resume(server, secret, last_of(client), encoding)
    with again:
        assert welcome["resumed"] is True
        again.outcomes(100 - len(ends(seen)))
        again.barrier()
        all_of_them = seen + numbered(again)
        assert sorted(ends(all_of_them)) == ids, "each outcome once"
        numbers = [event["seq"] for event in all_of_them]
        assert numbers == sorted(set(numbers))


@pytest.mark.not_at_door("the connection of its client outlives the server")
def test_what_was_told_at_the_instant_of_the_kill_is_not_told_again(new_server, tmp_path):
    """Each outcome that a client has heard is on the disk."""
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    slow_worker(server)
    seen, last, secret, ids = [], 0, True, []
    for nth in range(5):
        client = Client(server)
        client.send({"op": "hello", "resume": secret, **({"last": last} if nth else {})})
        secret = client.heard("welcome")["session"]
        new = [f"{nth}-{k}" for k in range(20)]
        client.send([{"op": "submit", "id": id, "payload": 10} for id in new])
        client.accepted(new)
        ids += new
        client.outcomes(7)
        server.kill()
        client.wait_closed()
        seen += ends(numbered(client))
        last = max(last, last_of(client))
        server.start_again()
    client, welcome = resume(server, secret, last)
    with client:
        assert welcome["resumed"] is True
        client.outcomes(len(ids) - len(seen))
        client.barrier()
        assert sorted(seen + ends(numbered(client))) == sorted(ids), "each once"


@pytest.mark.not_at_door("the connection of its client outlives the server")
def test_a_job_that_ended_before_it_was_accepted_ends_once(new_server, tmp_path):
    """Its record may have been on its way to the disk, where the next server finds it."""
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    for nth in range(4):
        slow_worker(server, f"slow {nth}")
    last, secret, early = 0, True, []
    for nth in range(10):
        client = Client(server)
        client.send({"op": "hello", "resume": secret, **({"last": last} if nth else {})})
        secret = client.heard("welcome")["session"]
        client.barrier()
        assert not set(early) & set(ends(numbered(client))), "it was told again"
        last = max(last, last_of(client))
        early += end_early(client, f"round {nth}")
        server.kill()
        client.wait_closed()
        last = max(last, last_of(client))
        server.start_again()
    assert early
    client, welcome = resume(server, secret, last)
    with client:
        assert welcome["resumed"] is True
        client.result(client.submit(0))
        assert not set(early) & set(ends(numbered(client))), "it was told again"


def end_early(client, name):
    """Submits jobs that run for as long as records gather, until one ends that was not accepted yet."""
    for nth in range(200):
        ids = [f"{name}: {nth}.{k}" for k in range(4)]
        ms = random.uniform(4.8, 6)
        client.send([{"op": "submit", "id": id, "payload": ms} for id in ids])
        early = client.wait(lambda events: ended_early(events, ids), "all outcomes")
        if early != ["none"]:
            return early
    return []


def ended_early(events, ids):
    """Which of these jobs ended without having been accepted, as soon as one has."""
    accepted = {event["id"] for event in events if event["ev"] == "accepted"}
    ended = set(ends(events)) & set(ids)
    return sorted(ended - accepted) or (len(ended) == len(ids) and ["none"])


@pytest.mark.not_at_door("the connection of its client outlives the server")
def test_a_drain_and_a_restart(new_server, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    slow_worker(server)
    client, secret = begin(server)
    ids = client.submit_many([SLOW] * 50)
    client.accepted(ids)
    server.process.signal(signal.SIGTERM)
    bye = client.heard("bye")
    assert bye["reconnect_in_ms"] > 0
    client.wait_closed()
    assert client.closed == 1001
    assert server.process.wait() == 0
    server.start_again()
    again, welcome = resume(server, secret, last_of(client))
    with again:
        assert welcome["resumed"] is True
        again.outcomes(50 - len(ends(numbered(client))))
        assert sorted(ends(numbered(client)) + ends(numbered(again))) == ids


def test_a_client_that_is_away_for_long_loses_progress_and_no_outcome(server):
    """More comes than a mailbox holds: of what is kept elsewhere nothing is lost."""
    client, secret = begin(server)
    ids = client.submit_many(["text"] * 3000)
    client.barrier()
    cut(client)
    with Serving(server, slots=64):
        eventually(lambda: server.total("acequia_jobs_ended_total") == 3000, "the end of all jobs", 60)
    assert not ends(numbered(client))
    again, _ = resume(server, secret, last_of(client))
    with again:
        again.outcomes(3000)
        again.barrier()
        assert ends(numbered(again)) == ids, "each once, in the order in which they ended"


def waiting(server):
    return server.total("acequia_queue_depth")


def test_jobs_of_a_client_that_is_away_follow_their_on_disconnect(server, encoding):
    client, secret = begin(server, encoding)
    wishes = {"a": "keep", "b": "cancel", "c": {"cancel_after_ms": 300}, "d": {"cancel_after_ms": 600_000}}
    for id, wish in wishes.items():
        client.submit(1, id=id, on_disconnect=wish)
    client.barrier()
    assert waiting(server) == 4
    cut(client)
    eventually(lambda: waiting(server) == 2, "the end of two jobs")
    again, _ = resume(server, secret, last_of(client), encoding)
    with again:
        again.outcomes(2)
        again.barrier()
        assert [(event["id"], event["ev"]) for event in numbered(again) if event["ev"] == "cancelled"] == [
            ("b", "cancelled"), ("c", "cancelled")]
        slow_worker(server)
        assert again.result("a") == again.result("d") == "done"


def test_a_client_that_is_back_in_time_finds_its_job(server):
    client, secret = begin(server)
    client.submit(1, id="c", on_disconnect={"cancel_after_ms": 60_000})
    client.submit(1, id="b", on_disconnect="cancel")
    client.barrier()
    cut(client)
    eventually(lambda: waiting(server) == 1, "the end of the other")
    again, _ = resume(server, secret, last_of(client))
    with again:
        slow_worker(server)
        assert again.result("c") == "done"


@pytest.mark.not_at_door("the connection of its client outlives the server")
def test_jobs_wait_for_clients_over_a_restart_of_the_server(new_server, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    client, secret = begin(server)
    with Client(server) as plain:
        for of, prefix in ((client, "r"), (plain, "p")):
            of.submit(1, id=prefix + "1", on_disconnect="cancel")
            of.submit(1, id=prefix + "2", on_disconnect={"cancel_after_ms": 300})
            of.submit(1, id=prefix + "3", on_disconnect={"cancel_after_ms": 600_000})
            of.accepted([prefix + "1", prefix + "2", prefix + "3"])
        server.kill()
    server.start_again()
    eventually(lambda: waiting(server) == 2, "the end of the jobs that nobody came back for")
    again, _ = resume(server, secret, last_of(client))
    with again:
        assert again.outcome("r1")["ev"] == again.outcome("r2")["ev"] == "cancelled"
        slow_worker(server)
        assert again.result("r3") == "done"
    eventually(lambda: waiting(server) == 0, "the end of all")


def test_an_outcome_that_nobody_has_any_more_is_named(new_server, encoding):
    server = new_server("--retention-s", "1")
    client, secret = begin(server, encoding)
    ids = client.submit_many(["text"] * 1500)
    names = client.accepted(ids)
    cut(client)
    with Serving(server, slots=64):
        eventually(lambda: server.total("acequia_jobs_ended_total") == 1500, "the end of all jobs", 60)
    # More ended than a mailbox holds, and what it let go of was retained for a second.
    admin = Admin(server)
    eventually(lambda: admin.job(names[-1]) is None, "the end of the retention")
    admin.close()
    again, _ = resume(server, secret, last_of(client), encoding)
    with again:
        again.barrier()
        told = numbered(again)
        gone = [event for event in told if event["ev"] == "gap" and "id" in event]
        assert [event["missed"] for event in gone] == [1] * 500
        assert [event["id"] for event in gone] + ends(told) == ids
        assert [event["job"] for event in gone] == names[:500]
        # What else is missing is only counted: that they had started.
        counted = [event for event in again.events if event["ev"] == "gap" and "id" not in event]
        assert [event["missed"] for event in counted] == [1500]


def test_what_was_given_up_is_the_same_after_kill_9_and_is_named(new_server, make, tmp_path):
    """One client has more outcomes than are kept; those of another are older, and stay."""
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    admin = make(Admin(server))
    small, small_secret = begin(server)
    of_small = small.submit_many(["small"] * 3)
    names = small.accepted(of_small)
    cut(small)
    with Serving(server):
        eventually(lambda: server.total("acequia_jobs_ended_total") == 3, "the end of the first", 30)
    large, large_secret = begin(server)
    of_large = large.submit_many(["large"] * 90)
    names += large.accepted(of_large)
    cut(large)
    with Serving(server, lambda _: b'"%s"' % (b"x" * 1_000_000)):  # 64 MiB are kept
        eventually(lambda: server.total("acequia_jobs_ended_total") == 93, "the end of all jobs", 60)

    def known():
        return [name for name in names if admin.job(name)]

    before = known()
    assert names[:3] == before[:3] and 50 < len(before) < 80, len(before)
    server.wait_written()
    server.kill()
    server.start_again()
    admin = make(Admin(server))
    assert known() == before
    again, _ = resume(server, small_secret, last_of(small))
    with again:
        assert sorted(ends(again.outcomes(3))) == of_small
    again, _ = resume(server, large_secret, last_of(large))
    with again:
        again.barrier()
        told = numbered(again)
        gone = [event for event in told if event["ev"] == "gap" and "id" in event]
        assert [event["job"] for event in gone] == [name for name in names if name not in before]
        assert sorted([event["id"] for event in gone] + ends(told)) == of_large, "each once"


def test_the_end_of_a_batch_is_told_after_kill_9_until_it_is_seen(new_server, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    client, secret = begin(server)
    client.accepted(client.submit_many(list(range(5)), batch="night"))
    client.accepted([client.submit("alone", batch="single")])
    last = last_of(client)
    cut(client)
    with Serving(server):
        eventually(lambda: server.total("acequia_jobs_ended_total") == 6, "the end of all jobs", 30)

    def restart():
        server.wait_written()
        server.kill()
        server.start_again()

    numbers = []
    for _ in range(2):
        restart()
        client, _ = resume(server, secret, last)
        ended = [client.heard("batch", batch=name) for name in ("night", "single")]
        assert [end["jobs"] for end in ended] == [end["done"] for end in ended] == [5, 1]
        client.barrier()
        assert len(ends(numbered(client))) == 6
        numbers.append([end["seq"] for end in ended])
        cut(client)
    assert numbers[0] == numbers[1]
    client, _ = resume(server, secret, last)
    client.send({"op": "ack", "seq": max(numbers[0])})
    # The answer to the barrier before may come again.
    client.cancel("another barrier")
    client.heard("error", id="another barrier")
    cut(client)
    restart()
    client, welcome = resume(server, secret, last)
    with client:
        assert welcome["resumed"] is True
        client.barrier()
        assert not [event for event in client.events if event["ev"] == "batch"]


def test_a_client_that_has_finished_ends_its_session(server):
    client, secret = begin(server)
    client.submit(1, on_disconnect={"cancel_after_ms": 600_000}, id="later")
    client.submit(1, on_disconnect="cancel")
    client.barrier()
    client.socket.close(4000)
    eventually(lambda: server.metric("acequia_sessions") == 0, "the end of the session")
    assert waiting(server) == 1
    again, welcome = resume(server, secret, 0)
    with again:
        assert welcome["resumed"] is False
