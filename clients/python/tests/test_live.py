"""The live client, against the real server, over connections that are cut and servers that crash."""

import asyncio
import threading

import pytest

from acequia import Failure, JobCancelled, JobFailed, Problem, Reply, Unreachable, Worker
from acequia.live import Live

from harness import Server
from harness.tcp_proxy import Proxy
from harness.tokens import SECRET, token


class Held:
    """Jobs that end when they are told to."""

    def __init__(self):
        self.go = threading.Event()
        self.runs = 0

    def __call__(self, job):
        self.runs += 1
        self.go.wait(30)
        return job.data


@pytest.fixture
def held():
    held = Held()
    yield held
    held.go.set()


@pytest.fixture
def serve(held):
    def serve(worker):
        worker.queue("echo")(lambda job: Reply.same(job.payload))
        worker.queue("held")(held)
        worker.queue("tell")(lambda job: job.publish("news", job.data))

        @worker.queue("steps")
        def steps(job):
            for step in range(1, job.data + 1):
                job.progress(step, job.data)
                job.chunk(step)
            return "all"

        @worker.queue("fail")
        def fail(job):
            raise Failure("not a picture", code="no_image", retry=False)

    return serve


@pytest.fixture
def worker(new_worker, serve):
    return new_worker(serve, slots=8)


def names(events):
    # Whether `accepted` comes first, in between or not at all is open.
    return [event["ev"] for event in events if event["ev"] != "accepted"]


def run(test, *args, **options):
    """Runs a coroutine that is given a live client."""
    async def main():
        async with Live(*args, **options) as live:
            return await test(live)

    return asyncio.run(main())


async def until(event, job):
    """Reads a job's events up to one of this name."""
    async for each in job:
        if each["ev"] == event:
            return each
    raise AssertionError(f"no {event}")


def test_events_and_the_result(url, worker):
    async def test(live):
        job = live.submit("steps", 2)
        events = [event async for event in job]
        assert names(events) == ["started", "progress", "chunk", "progress", "chunk", "done"]
        assert [event["data"] for event in events if event["ev"] == "chunk"] == [1, 2]
        assert await job.result == "all" and job.has_ended and job.id == events[0]["job"]

    run(test, url)


@pytest.mark.parametrize(("encoding", "payloads"), [
    ("json", [1, {"a": ["é", None]}, "text"]), ("msgpack", [b"\0\xff", 1, {"a": [b"x"]}]),
])
def test_what_is_sent_comes_back(url, worker, encoding, payloads):
    async def test(live):
        jobs = [live.submit("echo", payload) for payload in payloads * 500]
        return await asyncio.gather(*(job.result for job in jobs))

    assert run(test, url, encoding=encoding) == payloads * 500


def test_large_messages_are_split(url, worker):
    async def test(live):
        jobs = [live.submit("echo", "x" * 1_000_000) for _ in range(9)]
        return [len(await job.result) for job in jobs]

    assert run(test, url) == [1_000_000] * 9


def test_what_fails(url, worker, held):
    async def test(live):
        with pytest.raises(JobFailed, match="not a picture") as failed:
            await live.submit("fail", 1).result
        assert (failed.value.code, failed.value.attempt) == ("no_image", 1)
        with pytest.raises(Problem, match="prio"):
            await live.submit("echo", 1, prio=1).result
        with pytest.raises(Problem) as large:
            await live.submit("echo", "x" * 5_000_000).result
        assert large.value.code == "too_large"
        with pytest.raises(TypeError, match="msgpack"):
            live.submit("echo", b"bytes")
        job = live.submit("held", 1)
        await until("started", job)
        job.cancel()
        with pytest.raises(JobCancelled):
            await job.result
        unsent = live.submit("echo", 1)
        unsent.cancel()
        with pytest.raises(JobCancelled, match="before it was sent"):
            await unsent.result
        assert await live.submit("echo", 2).result == 2, "and the session goes on"

    run(test, url)


def test_a_job_that_others_submitted(url, worker, held):
    from acequia import Client

    with Client(url) as client:
        submitted = client.submit("held", "hello")

        async def test(live):
            job = live.watch(submitted.id)
            await until("started", job)
            held.go.set()
            assert await job.result == "hello"
            assert await live.watch(submitted.id).result == "hello", "it has ended"
            with pytest.raises(Problem) as unknown:
                await live.watch("01938c2e-7a3b-7c4d-9e5f-60718293a4b5").result
            assert unknown.value.code == "not_found"

        run(test, url)


def test_topics(url, worker):
    async def test(live):
        async with live.subscribe("news") as one, live.subscribe("news") as two:
            await live.submit("tell", {"n": 1}).result
            assert await one.__anext__() == await two.__anext__() == {"n": 1}
            two.close()
            await live.submit("tell", 2).result
            assert await one.__anext__() == 2
        assert [message async for message in one] == []
        with pytest.raises(ValueError, match="1 to 128 bytes"):
            live.subscribe("é" * 65)

    run(test, url)


def test_topics_that_are_refused(new_server, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", file)

    async def test(live):
        with pytest.raises(Problem, match="others") as refused:
            await live.subscribe("others").__anext__()
        assert refused.value.code == "forbidden"
        for n in range(64):
            live.subscribe(f"mine/{n}")
        with pytest.raises(ValueError, match="at most 64 topics"):
            live.subscribe("mine/64")

    run(test, f"http://{server.http}", token(acequia={"subscribe": ["mine/*"]}))


def test_a_connection_that_is_cut(server, worker, held, make):
    """Jobs go on, what was missed is told, and nothing runs twice."""
    way = make(Proxy(server.address("http")))

    async def test(live):
        news = live.subscribe("news")
        job = live.submit("held", "hello")
        await until("started", job)
        for _ in range(3):
            assert way.cut(1) >= 1
            # Of this one the server cannot know.
            assert await live.submit("echo", 1).result == 1
        held.go.set()
        assert await job.result == "hello"
        assert names([event async for event in job]) == ["done"]
        await live.submit("tell", 1).result
        assert await news.__anext__() == 1

    run(test, f"http://127.0.0.1:{way.port}")
    assert held.runs == 1


def test_what_was_on_its_way_when_the_connection_was_cut(server, worker, make):
    way = make(Proxy(server.address("http")))

    async def test(live):
        for n in range(20):
            jobs = [live.submit("echo", [n, i]) for i in range(200)]
            # Somewhere in between.
            await asyncio.sleep(0)
            await jobs[n * 9].result
            way.cut(1)
            assert [await job.result for job in jobs] == [[n, i] for i in range(200)]

    run(test, f"http://127.0.0.1:{way.port}")


def test_a_server_that_crashes(serve, held, tmp_path):
    server = Server.on_quiet_ports(journal=tmp_path / "journal")
    worker = Worker(server.jobs, server.results, slots=8)
    serve(worker)

    async def test(live):
        news = live.subscribe("news")
        job = live.submit("held", "hello")
        await until("accepted", job)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, server.crash)
        meanwhile = [live.submit("echo", n) for n in range(10)]
        assert [await each.result for each in meanwhile] == list(range(10))
        held.go.set()
        assert await job.result == "hello"
        await live.submit("tell", 1).result
        assert await news.__anext__() == 1

    with worker:
        run(test, f"http://{server.http}")
    server.check()


def test_a_session_that_the_server_has_forgotten(serve, held):
    """Without a journal a crash takes the session along: what has a key is submitted again."""
    server = Server.on_quiet_ports()
    worker = Worker(server.jobs, server.results, slots=8)
    serve(worker)

    async def test(live):
        lost, kept = live.submit("held", 1), live.submit("held", 2, key="two")
        await until("accepted", lost)
        await until("accepted", kept)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, server.crash)
        with pytest.raises(Problem) as error:
            await lost.result
        assert error.value.code == "session_lost"
        held.go.set()
        assert await kept.result == 2

    with worker:
        run(test, f"http://{server.http}")


def test_another_connection_takes_over(url, worker):
    async def main():
        async with Live(url) as live:
            other = Live(url)
            other._session = live._session
            async with other:
                with pytest.raises(Problem) as error:
                    await live.submit("held", 1).result
                assert error.value.code == "taken_over"
                with pytest.raises(Problem):
                    live.submit("echo", 1)

    asyncio.run(main())


def test_a_client_that_is_closed(url, worker):
    async def main():
        async with Live(url) as live:
            job, news = live.submit("held", 1), live.subscribe("news")
            await until("started", job)
        with pytest.raises(Problem) as error:
            await job.result
        assert error.value.code == "closed"
        assert [message async for message in news] == []
        with pytest.raises(Problem):
            live.submit("echo", 1)

    asyncio.run(main())


def test_a_token(new_server, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", file)
    url = f"http://{server.http}"

    async def test(live):
        return live.submit("echo", 1).has_ended

    for shown in (token(), token):
        assert run(test, url, shown) is False
    with pytest.raises(Problem) as error:
        run(test, url, "no token")
    assert error.value.code == "unauthorized"


def test_nobody_is_there():
    async def test(live):
        raise AssertionError("there is a connection")

    with pytest.raises(Unreachable, match="within 0.1 s"):
        run(test, "http://127.0.0.1:1", open_s=0.1)


def test_arguments_that_are_wrong():
    with pytest.raises(ValueError, match="`json` or `msgpack`"):
        Live(encoding="xml")
    with pytest.raises(ValueError, match="no URL"):
        Live("ws://127.0.0.1:8080")
