"""`acequia demo`: a server, its workers and the page, with one command."""

import json
import os
import re
import signal
import struct
from pathlib import Path

import pytest

from harness import Client, Process, Server, acequia_worker, acequia, eventually
from harness.server import clean_env

FREE = ["--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0"]


class Demo(Server):
    """Looks like a server, and has workers of its own."""

    def launch(self):
        command = [acequia(), "demo", "--listen", self.http, "--jobs", self.jobs, "--results", self.results]
        self.process = Process([*command, *self._flags], name="demo", env=clean_env(), **self._popen)


def runs(pid):
    return Path(f"/proc/{pid}").exists()


def test_it_works_at_once(make):
    demo = Demo()
    address = demo.process.line(lambda line: "http://" in line)
    assert re.search(rf"http://{re.escape(demo.http)}/", address)
    demo.wait_workers(2)
    status, headers, page = demo.get("/")
    assert status == 200 and headers["content-type"].startswith("text/html") and "<title>" in page
    assert "default-src 'none'" in headers["content-security-policy"]
    client = make(Client(demo))
    assert client.result(client.submit("hello", queue="upper")) == "HELLO"
    assert client.result(client.submit({"a": [1]}, queue="echo")) == {"a": [1]}
    # The command that it prints for one more worker is one.
    said = demo.process.line(lambda line: "acequia worker --demo" in line).split()[1:]
    Process([acequia(), *said], name="one more")
    demo.wait_workers(3)
    demo.check()
    assert demo.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_its_workers_end_with_it(number):
    demo = Demo("--workers", "3")
    demo.wait_workers(3)
    workers = demo.process.children()
    assert len(workers) == 3
    demo.process.signal(number)
    code = demo.process.wait()
    assert code == (0 if number != signal.SIGKILL else -9)
    try:
        for pid in workers:
            eventually(lambda pid=pid: not runs(pid), f"the end of worker {pid}", 15)
    finally:
        for pid in workers:
            if runs(pid):
                os.kill(pid, signal.SIGKILL)


def test_its_page_kills_a_worker_whose_jobs_run_again(make):
    demo = Demo("--workers", "1")
    demo.wait_workers(1)
    (before,) = demo.process.children()
    assert json.loads(demo.get("/v1/about")[2])["can_kill"] is True
    client = make(Client(demo))
    job = client.submit("turn by turn", queue="words")
    client.heard("chunk", id=job, n=1)
    # A page of another origin may not.
    assert demo.request("POST", "/v1/demo/kill", {"Origin": "http://evil.example"})[0] == 403
    status, _, said = demo.request("POST", "/v1/demo/kill", {"Origin": f"http://{demo.http}"})
    assert (status, json.loads(said)) == (200, {"worker": "demo-1"})
    assert client.heard("retrying", id=job)["code"] == "worker_lost"
    assert client.result(job) == 3
    assert not runs(before)
    assert "signal: 9" not in demo.process.log(), "it is no trouble that somebody asked for"
    demo.check()
    assert demo.stop() == 0


@pytest.mark.parametrize("start", [Server, lambda: Demo("--workers", "0")], ids=["serve", "no worker of its own"])
def test_elsewhere_no_worker_can_be_killed(start):
    server = start()
    acequia_worker(server, "--demo")
    server.wait_workers(1)
    assert server.request("POST", "/v1/demo/kill")[0] == 404
    assert "can_kill" not in json.loads(server.get("/v1/about")[2])
    server.check()
    assert server.stop() == 0


def test_words_stop_where_they_are_cancelled(make):
    demo = Demo()
    client = make(Client(demo))
    job = client.submit("word " * 1000, queue="words")
    assert client.heard("progress", id=job)["total"] == 1000
    client.cancel(job)
    assert client.outcome(job)["ev"] == "cancelled"
    assert client.outcome(client.submit("word " * 1001, queue="words"))["code"] == "bad_input"
    demo.check()
    assert demo.stop() == 0


def test_twice_at_a_time(make):
    """The second takes free ports, and says which."""
    for _ in range(2):
        demo = make(_Closing(Process([acequia(), "demo"], name="demo", env=clean_env())))
        ready = demo.process.line(lambda line: line.startswith("acequia ready "))
        assert ready
        demo.process.line(lambda line: "Ctrl-C" in line)


class _Closing:
    def __init__(self, process):
        self.process = process

    def close(self):
        self.process.signal(signal.SIGTERM)
        assert self.process.wait() == 0


def test_all_tiles_of_a_picture(make):
    """The queue of the page, from a client of another language."""
    demo = Demo()
    client = make(Client(demo, "msgpack"))
    tile = {"x0": -2.0, "y0": -1.0, "step": 0.125, "width": 24, "height": 16, "max_iter": 500}
    octets = client.result(client.submit(tile, queue="mandelbrot"))
    counts = struct.unpack(f"<{24 * 16}H", octets)
    expected = []
    for row in range(16):
        for col in range(24):
            x, y = tile["x0"] + col * tile["step"], tile["y0"] + row * tile["step"]
            zr = zi = 0.0
            n = 0
            while n < 500 and zr * zr + zi * zi <= 4.0:
                zr, zi = (zr * zr - zi * zi) + x, (2.0 * zr * zi) + y
                n += 1
            expected.append(n)
    assert list(counts) == expected
    for bad in ({**tile, "width": 0}, {**tile, "width": 2000}, {**tile, "max_iter": 0}, {}, 1,
                {**tile, "step": float("inf")}):
        assert client.outcome(client.submit(bad, queue="mandelbrot"))["code"] == "bad_input"
    demo.check()
    assert demo.stop() == 0
