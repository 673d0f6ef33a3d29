"""Clients over HTTP, by threads and by coroutines, against the real server."""

import asyncio
import inspect
import pickle
import socket
import threading

import pytest

import acequia
from acequia import (
    AsyncClient, Client, Failure, JobCancelled, JobFailed, Problem, Reply, StillRunning, Unreachable,
)

from harness import Server, eventually
from harness.tcp_proxy import Proxy
from harness.tokens import SECRET, token


class Alike:
    """An `AsyncClient` that is called as a `Client` is: both have to pass the same tests."""

    def __init__(self, client, loop):
        self._client, self._loop = client, loop

    def __getattr__(self, name):
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*args, **kwargs):
            value = found(*args, **kwargs)
            if inspect.isawaitable(value):
                value = self._loop.run_until_complete(value)
            return self._wrapped(value)

        return call

    def _wrapped(self, value):
        if isinstance(value, list):
            return [self._wrapped(each) for each in value]
        return Alike(value, self._loop) if isinstance(value, acequia.AsyncJobHandle) else value


@pytest.fixture(params=["sync", "async"])
def new_http_client(request, server, make):
    if request.param == "sync":
        yield lambda at=server, **options: make(Client(options.pop("url", f"http://{at.http}"), **options))
        return
    loop = asyncio.new_event_loop()
    clients = []

    def start(at=server, **options):
        clients.append(AsyncClient(options.pop("url", f"http://{at.http}"), **options))
        return Alike(clients[-1], loop)

    yield start
    for client in clients:
        loop.run_until_complete(client.close())
    loop.close()


@pytest.fixture
def http(new_http_client):
    return new_http_client()


@pytest.fixture
def worker(new_worker):
    """Serves what these tests ask for."""
    def serve(worker):
        worker.queue("echo")(lambda job: Reply.same(job.payload))
        worker.queue("wait")(lambda job: job.wait_cancelled(60))

        @worker.queue("fail")
        def fail(job):
            raise Failure("not a picture", code="no_image", retry=False)

    return new_worker(serve, slots=8)


@pytest.mark.parametrize(("payload", "type"), [
    ({"a": [1, "é", None]}, None), (b"\0\xff", None), ("text", "text/plain"), (None, None), ("x", None),
])
def test_what_is_sent_comes_back(http, worker, payload, type):
    assert http.call("echo", payload, type=type) == payload
    job = http.submit("echo", payload, type=type)
    assert job.result() == payload
    assert job.result() == payload, "as often as one likes"


def test_bytes_have_the_type_that_is_said(http, worker):
    job = http.submit("echo", b"\x89PNG", type="image/png")
    reply = job.reply()
    assert (reply.body, reply.type) == (b"\x89PNG", "image/png")
    assert job.result() == b"\x89PNG"


def test_what_becomes_of_a_job(http, worker):
    job = http.submit("wait", 1, id="mine", priority=7, attempts=2)
    assert job.state in ("waiting", "running")
    eventually(lambda: job.status().state == "running", "the run")
    status = job.status()
    assert (status.job, status.id, status.queue, status.attempt, status.has_ended) == (
        job.id, "mine", "wait", 1, False)
    assert job.wait(0).state == "running"
    with pytest.raises(StillRunning) as still:
        job.result(0)
    assert still.value.job == job.id and isinstance(still.value, TimeoutError)
    assert job.cancel() is True
    assert job.cancel() is False
    assert job.wait().state == "cancelled"
    with pytest.raises(JobCancelled):
        job.result()


def test_a_job_that_fails(http, worker):
    def failed(call):
        with pytest.raises(JobFailed) as error:
            call()
        return error.value.code, error.value.detail, error.value.attempt, error.value.status

    told = ("no_image", "not a picture", 1, 422)
    assert failed(lambda: http.call("fail", 1)) == told
    job = http.submit("fail", 1)
    assert failed(job.result) == told
    assert (job.status().code, job.status().message) == ("no_image", "not a picture")


def test_call_waits_as_long_as_it_may(http, worker):
    with pytest.raises(StillRunning) as still:
        http.call("wait", 1, wait_s=1)
    assert http.job(still.value.job).cancel(), "it goes on"


def test_many(http, worker):
    taken = http.submit_many(
        [{"payload": 1}, {"payload": 2, "prio": 9}, {"payload": 3, "queue": "fail"}], queue="echo")
    assert taken[0].result() == 1
    assert isinstance(taken[1], Problem) and taken[1].code == "bad_request" and "prio" in taken[1].detail
    with pytest.raises(JobFailed):
        taken[2].result()


def test_a_key_is_one_job(http, worker):
    first, second = (http.submit("echo", n, key="greeting-1") for n in (1, 2))
    assert first.id == second.id and second.result() == 1


def test_what_the_server_refuses(http, worker):
    def refused(call):
        with pytest.raises(Problem) as error:
            call()
        assert error.value.detail
        return error.value.status, error.value.code

    assert refused(lambda: http.submit("echo", 1, priority=10)) == (400, "bad_request")
    assert refused(lambda: http.submit("a b", 1)) == (400, "bad_request")
    assert refused(lambda: http.submit("echo", b"x" * (1 << 20) + b"x")) == (413, "too_large")
    gone = http.job("01938c2e-7a3b-7c4d-9e5f-60718293a4b5")
    for call in (gone.result, gone.status, gone.wait, gone.cancel):
        assert refused(call) == (404, "not_found")


def test_what_cannot_be_sent(http):
    with pytest.raises(TypeError):
        http.submit("echo", object())
    with pytest.raises(ValueError):
        http.submit("echo", float("nan"))
    with pytest.raises(TypeError, match="bytes or a string, not list"):
        http.submit("echo", [], type="text/plain")


def test_a_message_is_published(http, client):
    client.send({"op": "subscribe", "topic": "news/é"})
    client.barrier()
    assert http.publish("news/é", {"a": 1}) == 1
    assert client.heard("message")["data"] == {"a": 1}
    assert http.publish("news/é", "text", type="text/plain", retain=True) == 1
    assert client.heard("message", nth=2)["data"] == "text"


@pytest.mark.parametrize("make_token", [str, lambda shown: lambda: shown], ids=["text", "function"])
def test_a_token(new_server, new_http_client, tmp_path, make_token):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    server = new_server("--client-auth", "jwt", "--jwt-secret-file", file)
    with pytest.raises(Problem) as error:
        new_http_client(server).submit("echo", 1)
    assert (error.value.status, error.value.code) == (401, "unauthorized")
    assert new_http_client(server, token=make_token(token())).submit("echo", 1).id


def test_nobody_is_there(new_http_client):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = new_http_client(url=f"http://127.0.0.1:{free.getsockname()[1]}", retry_s=0)
        with pytest.raises(Unreachable, match="POST /v1/queues/echo/jobs"):
            client.submit("echo", 1)


def test_a_submit_whose_answer_is_lost_is_one_job(new_http_client, server, make):
    """The call waits at the server when its connection is reset: made again, it is the same job."""
    way = make(Proxy(server.address("http")))
    client = new_http_client(url=f"http://127.0.0.1:{way.port}")
    held = threading.Event()

    def cut():
        eventually(lambda: server.total("acequia_jobs_submitted_total") >= 1, "the job")
        way.cut(1)
        held.set()

    cutting = threading.Thread(target=cut)
    cutting.start()
    done = []

    def work(job):
        held.wait(30)
        done.append(job.id)
        return job.data

    worker = acequia.Worker(server.jobs, server.results)
    worker.queue("echo")(work)
    with worker:
        assert client.call("echo", 5) == 5
    cutting.join()
    assert len(done) == 1


def test_a_message_whose_answer_is_lost_is_not_sent_again(new_http_client, server, client, make):
    """Nobody can know whether it was told already."""
    client.send({"op": "subscribe", "topic": "news"})
    client.barrier()
    listener = make(Once())
    http = new_http_client(url=f"http://127.0.0.1:{listener.port}")
    with pytest.raises(Unreachable):
        http.publish("news", 1)
    assert listener.calls == 1


class Once:
    """Hears a call, and hangs up."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.calls = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if connection.recv(65536):
                    self.calls += 1

    def close(self):
        # A close alone does not end an accept that waits.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)


def test_a_restart_of_the_server_is_survived(new_http_client, tmp_path):
    server = Server.on_quiet_ports(journal=tmp_path / "journal")
    worker = acequia.Worker(server.jobs, server.results)
    worker.queue("echo")(lambda job: job.data)
    http = new_http_client(server)
    job = http.submit("echo", 1, delay_ms=500)
    server.crash()
    with worker:
        assert job.result() == 1
        assert http.call("echo", 2) == 2


def test_one_client_and_many_threads(server, worker):
    with Client(f"http://{server.http}") as client:
        results = {}

        def call(n):
            results[n] = client.call("echo", n)

        threads = [threading.Thread(target=call, args=(n,)) for n in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {n: n for n in range(50)}


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://host", "http://", "http://host/?a=1"])
def test_a_url_that_is_none(url):
    with pytest.raises(ValueError, match="no URL"):
        Client(url)


def test_the_server_of_the_environment(server, worker, monkeypatch):
    monkeypatch.setenv("ACEQUIA_SERVER", f"http://{server.http}/")
    with Client() as client:
        assert client.call("echo", 1) == 1


@pytest.mark.parametrize("error", [
    Problem("queue_full", "too much", status=503, retry_after_ms=100, job="j"),
    JobFailed("no_image", "not a picture", status=422, attempt=1), StillRunning("j"),
    Failure("not a picture", code="no_image", retry=False),
], ids=lambda error: type(error).__name__)
def test_exceptions_travel_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
