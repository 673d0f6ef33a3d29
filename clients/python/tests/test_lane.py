"""A worker's side of a lane, against a server that a test plays."""

import threading

import pytest
import zmq

from acequia import Failure, Reply, Worker, WorkerError

from scripted import Scripted

LANE, OTHER = bytes(range(16)), bytes(range(16, 32))
ONE, TWO, THREE = (bytes([n]) * 16 for n in (1, 2, 3))


@pytest.fixture
def server(make):
    return make(Scripted())


def test_ready_says_what_the_worker_is(server, new_worker):
    def serve(worker):
        worker.queue("b")(lambda job: None)
        worker.queue("a")(lambda job: None)

    new_worker(serve, slots=3, name="é" * 40, pack=7)
    server.hello(LANE)
    ready, beat = server.pack()
    assert ready[2] == {"slots": 3, "pack": 7, "queues": ["a", "b"], "name": "é" * 32}
    assert beat[:2] == ("beat", LANE), "the first beat comes right after"


def test_what_ends_at_one_time_leaves_in_one_message(server, new_worker):
    go = threading.Event()

    async def hold(job):
        # It holds the loop up, so that all that came are begun before the first has ended.
        go.wait()
        return job.data

    new_worker(lambda worker: worker.queue("default")(hold), slots=300)
    server.ready(LANE)
    ids = [n.to_bytes(16, "big") for n in range(300)]
    server.say(*(server.job(id, b"%d" % n) for n, id in enumerate(ids)))
    go.set()
    packs = [server.pack()]
    while sum(len(pack) for pack in packs) < 300:
        packs.append(server.pack())
    assert [len(pack) for pack in packs] == [256, 44], "at most 256 in one"
    done = [message for pack in packs for message in pack]
    assert [(kind, body) for kind, _, _, body in done] == [("done", b"%d" % n) for n in range(300)]


def test_a_pack_stays_below_what_the_server_takes(server, new_worker):
    go = threading.Event()

    async def large(job):
        go.wait()
        return Reply(b"x" * 100_000)

    new_worker(lambda worker: worker.queue("default")(large), slots=4)
    server.ready(LANE)
    server.say(*(server.job(id) for id in (ONE, TWO, THREE)))
    go.set()
    sizes = []
    while sum(sizes) < 3:
        sizes.append(len(server.pack()))
    assert sizes == [2, 1]


def test_a_further_hello_makes_the_lane_void(server, new_worker):
    began, cancelled, go = threading.Event(), threading.Event(), threading.Event()

    def wait(job):
        if job.json() == 1:
            began.set()
            if job.wait_cancelled(30):
                cancelled.set()
            go.wait()
        return job.json()

    new_worker(lambda worker: worker.queue("default")(wait), slots=2)
    server.ready(LANE)
    server.say(server.job(ONE, b"1"))
    assert began.wait(30)
    server.ready(OTHER)
    assert cancelled.wait(30), "the handler is told"
    go.set()
    server.say(server.job(TWO, b"2"))
    assert server.next() == ("done", TWO, {}, b"2"), "of the first nothing is said"


def test_a_cancel_reaches_the_handler_and_its_end_is_said(server, new_worker):
    def wait(job):
        assert job.wait_cancelled(30)
        raise Failure.cancelled()

    new_worker(lambda worker: worker.queue("default")(wait))
    server.ready(LANE)
    server.say(server.job(ONE), ("cancel", TWO, {}, b""), ("cancel", ONE, {}, b""))
    kind, id, head, _ = server.next()
    assert (kind, id, head["code"]) == ("fail", ONE, "cancelled")


def test_a_job_of_a_queue_that_is_not_served_fails(server, new_worker):
    new_worker(lambda worker: worker.queue("default")(lambda job: 1))
    server.ready(LANE)
    server.say(server.job(ONE, queue="other"))
    kind, id, head, _ = server.next()
    assert (kind, id, head["code"]) == ("fail", ONE, "unknown_queue")


def test_what_the_server_would_not_take_is_said(server, new_worker):
    new_worker(lambda worker: worker.queue("default")(lambda job: b"x" * 1001))
    server.ready(LANE, max_body=1000)
    server.say(server.job(ONE))
    kind, _, head, _ = server.next()
    assert (kind, head["code"], head["retry"]) == ("fail", "bad_result", False)
    assert "1001 bytes" in head["message"] and "at most 1000" in head["message"]


def test_beats_go_on_while_a_handler_hangs(server, new_worker):
    go = threading.Event()
    new_worker(lambda worker: worker.queue("default")(lambda job: go.wait()), beat_s=0.01)
    server.ready(LANE)
    server.say(server.job(ONE))
    for _ in range(20):
        assert server.pack()[0][:2] == ("beat", LANE)
    go.set()


@pytest.mark.parametrize("frames", [
    [b"job", ONE, b""],
    [b"what", ONE, b"", b""],
    [b"job", b"short", b"", b""],
    [b"job", ONE, b"\xc1", b""],
    [b"cancel", ONE, b"", b"", b"cancel", ONE],
], ids=["frames", "kind", "id", "head", "packed"])
def test_a_malformed_message_closes_the_lane(server, new_worker, frames):
    new_worker(lambda worker: worker.queue("default")(lambda job: 1))
    server.ready(LANE)
    server.say_frames(frames)
    server.wait_dialled_anew()
    server.ready(OTHER)
    server.say(server.job(TWO))
    assert server.next() == ("done", TWO, {}, b"1")


def test_a_connection_that_is_lost_makes_the_lane_void(server, new_worker):
    began, cancelled = threading.Event(), threading.Event()

    def wait(job):
        began.set()
        if job.wait_cancelled(30):
            cancelled.set()

    new_worker(lambda worker: worker.queue("default")(wait))
    server.ready(LANE)
    server.say(server.job(ONE))
    assert began.wait(30)
    server.drop()
    assert cancelled.wait(30), "before any other hello"
    server.wait_for(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    server.ready(OTHER)


def test_another_version_ends_the_worker(server):
    worker = Worker(server.jobs, server.results)
    worker.queue("default")(lambda job: 1)
    worker.start()
    server.hello(LANE, v=2)
    with pytest.raises(WorkerError, match="another version of the worker protocol"):
        worker._wait()


def test_bye_of_the_server_is_survived(server, new_worker):
    new_worker(lambda worker: worker.queue("default")(lambda job: 1))
    server.ready(LANE)
    server.say(server.job(ONE), ("bye", LANE, {"reason": "it drains"}, b""))
    assert server.next()[:2] == ("done", ONE)
    server.ready(OTHER)


def test_stop_says_bye_and_answers_what_was_on_its_way(server, new_worker):
    worker = new_worker(lambda worker: worker.queue("default")(lambda job: 1))
    server.ready(LANE)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    assert server.next()[:2] == ("bye", LANE)
    server.say(server.job(ONE), ("bye", LANE, {}, b""))
    assert server.next()[:2] == ("done", ONE)
    stopping.join(30)
    assert not stopping.is_alive()


def test_several_servers_have_a_lane_each(server, make):
    other = make(Scripted())
    worker = Worker(f"{server.jobs}, {other.jobs}", [server.results, other.results])
    worker.queue("default")(lambda job: job.json())
    with worker:
        for each, lane in ((server, LANE), (other, OTHER)):
            each.ready(lane)
        for each, body in ((server, b"1"), (other, b"2")):
            each.say(each.job(ONE, body))
        assert (server.next()[3], other.next()[3]) == (b"1", b"2")
