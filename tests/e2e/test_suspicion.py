"""Jobs that cost workers their lives, those that are beside them, and slots that do not come back."""

import pytest

from harness import Client, Worker, eventually

LOSSES_MAX = 3


def live_and_die(server, client, slots, ids):
    """Workers one after the other, each of which dies of the poison, until all jobs have ended.

    Each takes what it gets, and is through with a job only when nothing more comes. Returns how many
    died.
    """
    died = 0
    while any(client.names(id)[-1] not in ("done", "failed") for id in ids):
        with Worker(server, slots=slots) as worker:
            held = []
            while not any(job.body == b'"poison"' for job in held):
                if worker.jobs.poll(200) or worker.at_hand():
                    held.append(worker.job())
                elif held:
                    job = held.pop(0)
                    worker.done(job, job.body)
                else:
                    break
            died += any(job.body == b'"poison"' for job in held)
        assert died <= LOSSES_MAX + 1
    return died


@pytest.mark.parametrize("at", [0, 9, 15])
def test_the_poison_dies_and_the_fifteen_beside_it_do_not(server, client, at):
    payloads = ["poison" if nth == at else f"innocent {nth}" for nth in range(16)]
    ids = client.submit_many(payloads)
    client.accepted(ids)
    assert live_and_die(server, client, 16, ids) == LOSSES_MAX + 1
    for payload, id in zip(payloads, ids, strict=True):
        outcome = client.outcome(id)
        if payload == "poison":
            assert (outcome["ev"], outcome["code"]) == ("failed", "worker_lost")
        else:
            assert (outcome["ev"], outcome["result"]) == ("done", payload)


def test_a_slot_that_is_held_by_a_void_run_says_so(server, client, new_worker, admin):
    worker = new_worker(name="stuck")
    id = client.submit("a", timeout_ms=100)
    job = worker.job()
    assert client.outcome(id)["code"] == "timeout"
    assert worker.expect("cancel").id == job.id
    [told] = admin.get("workers")["workers"]
    assert (told["busy"], told["slots_held"], told["jobs"]) == (1, 1, [])
    [held] = told["held"]
    assert (held["job"], held["why"]) == (client.of(id)[0]["job"], "timeout")
    assert told["since_ms"] <= held["since_ms"]
    assert admin.get("server")["slots_held"] == 1
    assert server.metric("acequia_slots_held", why="timeout") == 1
    # It is asked whether it is there. Whatever it says is an answer.
    assert worker.expect("cancel").id == job.id
    server.wait_metric("acequia_workers_silent", 1)
    worker.send("beat", worker.lane)
    eventually(lambda: server.metric("acequia_workers_silent") == 0, "the silence to end")
    worker.done(job, b"1")
    eventually(lambda: server.metric("acequia_slots_held", why="timeout") == 0, "the slot")


@pytest.mark.timeout(120)
def test_a_worker_that_does_not_answer_begins_anew(server, client, new_worker, new_serving):
    worker = new_worker(name="stuck", slots=2)
    id, other = client.submit_many(["a", "b"])
    worker.job(), worker.job()
    client.cancel(id)
    client.outcome(id)
    new_serving(name="other")
    # Ten seconds until it is asked, and thirty more.
    client.wait(lambda events: events[-1]["ev"] == "done", "the other job", patience_s=60)
    assert client.result(other) == "b"
    assert client.heard("started", id=other, nth=2)["worker"] == "other"
    server.process.line(lambda line: "a worker does not answer" in line, of="stderr")


def test_jobs_without_a_timeout_have_that_of_the_server(new_server, make):
    server = new_server("--timeout-s", "1")
    client, worker = make(Client(server)), make(Worker(server, slots=2))
    plain, own = client.submit("a"), client.submit("b", timeout_ms=100_000)
    jobs = {job.body: job for job in (worker.job(), worker.job())}
    assert jobs[b'"a"'].head["timeout_ms"] == 1000
    assert jobs[b'"b"'].head["timeout_ms"] == 100_000
    assert client.outcome(plain)["code"] == "timeout"
    worker.done(jobs[b'"b"'], jobs[b'"b"'].body)
    assert client.result(own) == "b"
