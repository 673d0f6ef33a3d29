"""`acequia pool`: as many worker processes as there is work for."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness import Admin, Client, Server, acequia, eventually, run_acequia
from harness.documents import sample
from harness.pool import Pool, runs
from harness.server import starts_not

POOLED = Path(__file__).with_name("pooled_worker.py")
TOKEN = "an-admin-token-of-more-than-thirty-two-bytes"


@pytest.fixture
def new_pool(server, admin):
    return lambda *args, **options: Pool(server, admin, *args, **options)


@pytest.fixture
def ran(tmp_path):
    """The jobs that were begun, in the order of their beginnings."""
    path = tmp_path / "runs"
    path.touch()
    return lambda: path.read_text().split()


@pytest.fixture
def stock(tmp_path):
    """The command of a stock worker."""
    return ["--", sys.executable, POOLED, tmp_path / "runs"]


def test_a_burst_is_worked_off_by_all_and_then_there_is_none(server, client, new_pool, stock, ran):
    pool = new_pool("--max", "6", "--idle-s", "2", *stock)
    eventually(pool.report, "its report")
    assert pool.pids() == []
    ids = [client.submit(50) for _ in range(300)]
    pool.wait_processes(6)
    client.outcomes(300)
    assert all(client.outcome(id)["ev"] == "done" for id in ids)
    pool.wait_processes(0)
    assert len(ran()) == len(set(ran())) == 300
    assert pool.stop() == 0


def test_at_least_and_at_most(server, client, new_pool, stock):
    pool = new_pool("--min", "2", "--max", "3", "--idle-s", "1", *stock)
    pool.wait_processes(2)
    server.wait_workers(2)
    ids = [client.submit(300) for _ in range(12)]
    pool.wait_processes(3)
    client.outcomes(len(ids))
    pool.wait_processes(2)
    assert pool.stop() == 0
    assert pool.pids() == []


def test_who_is_killed_is_replaced(server, client, new_pool, stock):
    pool = new_pool("--min", "2", "--max", "2", *stock)
    for _ in range(3):
        server.wait_workers(2)
        (first, second) = pool.wait_processes(2)
        os.kill(first, signal.SIGKILL)
        eventually(lambda first=first: first not in pool.pids() and len(pool.pids()) == 2, "another process")
        assert second in pool.pids()
    server.wait_workers(2)
    assert client.result(client.submit(1)) == 1
    assert pool.stop() == 0


def test_sigterm_lets_jobs_end_and_takes_no_more(server, admin, client, new_pool, stock, ran):
    pool = new_pool("--max", "3", *stock)
    ids = [client.submit(700) for _ in range(9)]
    eventually(lambda: len(ran()) >= 3, "jobs that run")
    assert pool.stop() == 0
    begun = len(ran())
    assert begun < 9 and len(set(ran())) == begun
    # Those that ran are done, the others wait and were never begun.
    client.outcomes(begun)
    status, queue = admin.call("GET", "queues/default")
    assert status == 200 and queue["waiting"] == 9 - begun and queue["running"] == 0
    again = new_pool("--max", "3", *stock)
    client.outcomes(len(ids))
    assert len(ran()) == len(set(ran())) == 9
    assert again.stop() == 0


def test_sigterm_while_processes_start(server, client, new_pool, stock, ran):
    """Some have just become ready, some are about to: none is stopped with a job."""
    ids = []
    for _ in range(6):
        # Before each, so that it has something to do however many the last one has let end.
        more = [client.submit(50) for _ in range(16)]
        client.accepted(more)
        ids += more
        pool = new_pool("--max", "4", *stock)
        pool.process.line(lambda line: line.endswith("| began"))
        assert pool.stop() == 0
    ids.append(client.submit(50))
    pool = new_pool("--max", "4", *stock)
    # Not its report: that of the pool before, of the same name, may still be there.
    pool.process.line(lambda line: line.endswith("| began"))
    client.outcomes(len(ids))
    assert len(ran()) == len(set(ran())) == len(ids)
    assert pool.stop() == 0


def test_twice_sigterm_is_at_once_and_leaves_nobody(server, client, new_pool, stock, ran):
    pool = new_pool("--max", "1", "--grace-s", "20", *stock)
    client.submit(60_000)
    eventually(ran, "the job")
    (pid,) = pool.pids()
    pool.process.signal(signal.SIGTERM)
    eventually(lambda: server.metric("acequia_queue_slots", queue="default") == 0, "the drained worker")
    pool.process.signal(signal.SIGTERM)
    assert pool.process.wait() == 130
    eventually(lambda: not runs(pid), "the end of its process")


def test_a_pool_that_is_killed_leaves_nobody(server, new_pool, tmp_path):
    """Neither its processes nor what they have started, and though they do not hear SIGTERM."""
    script = "trap '' TERM; sleep 600 & echo $! > sleep; wait; wait"
    pool = new_pool("--min", "1", "--grace-s", "1", "--", "sh", "-c", script, cwd=tmp_path)
    sleep = tmp_path / "sleep"
    below = int(eventually(lambda: sleep.exists() and sleep.read_text().strip(), "the process below"))
    (pid,) = pool.pids()
    pool.process.kill()
    for each in (pid, below):
        eventually(lambda each=each: not runs(each), f"the end of {each}")


def test_what_a_dead_process_had_started_goes_with_it(server, new_pool, stock):
    pool = new_pool("--min", "1", "--max", "1", "--", "sh", "-c", '"$@" & wait', "sh", *stock[1:])
    server.wait_workers(1)
    (shell,) = pool.pids()
    (below,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    os.kill(shell, signal.SIGKILL)
    eventually(lambda: not runs(below), "the end of what it had started")
    eventually(lambda: pool.pids() not in ([], [shell]), "another")
    server.wait_workers(1)
    # Its lane is the pool's, though another process than the one that it started has it.
    eventually(lambda: (pool.report() or {}).get("starting") == 0, "to be seen as ready")
    assert pool.stop() == 0


def test_one_that_does_not_hear_sigterm_is_killed(new_pool):
    pool = new_pool("--min", "1", "--grace-s", "1", "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    pool.process.line(lambda line: line == "pool-1| up")
    assert pool.stop() == 0
    pool.process.line(lambda line: "is killed" in line, of="stderr")


def test_a_program_that_only_dies_is_told_and_left_alone(server, client, new_pool):
    client.submit(1)
    pool = new_pool("--", "sh", "-c", "echo no module named work >&2; exit 3")
    report = eventually(lambda: (pool.report() or {}).get("failing"), "its report")
    assert "no module named work" in report and "exit status: 3" in report and "left alone" in report
    pool.wait_processes(0)
    pool.process.line(lambda line: "left alone" in line, of="stderr")
    tries = [line for line in pool.process.stderr if " started " in line]
    assert len(tries) == 5, tries
    assert pool.stop() == 0


def test_output_has_names_and_long_lines_are_cut(server, new_pool):
    script = "echo out; echo err >&2; head -c 1000000 /dev/zero | tr '\\0' x; echo; printf last; sleep 600"
    pool = new_pool("--min", "2", "--max", "2", "--", "sh", "-c", script)
    for name in ("pool-1", "pool-2"):
        pool.process.line(lambda line: line == f"{name}| out")
        pool.process.line(lambda line: line == f"{name}| err", of="stderr")
        cut = pool.process.line(lambda line: line.startswith(f"{name}| xxx"))
        assert cut == f"{name}| {'x' * 8192} [cut]"
    pool.process.signal(signal.SIGTERM)
    pool.process.line(lambda line: line == "pool-1| last")
    assert pool.process.wait() == 0


def test_a_child_that_writes_without_end_fills_no_memory(server, new_pool):
    pool = new_pool("--min", "1", "--", "sh", "-c", "echo up; tr '\\0' x < /dev/zero")
    pool.process.line(lambda line: line == "pool-1| up")
    pool.process.line(lambda line: line.endswith("[cut]"))
    (pid,) = pool.pids()
    below = lambda: Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (writer,) = eventually(below, "the writer")
    io = Path(f"/proc/{writer}/io")
    eventually(lambda: int(io.read_text().split("wchar: ")[1].split()[0]) > 200_000_000, "200 MB of output")
    assert pool.process.status("VmHWM") < 64 * 1024
    assert pool.stop() == 0


class Relay:
    """Passes connections on, as another host between would: whose they are cannot be seen behind it."""

    def __init__(self, target):
        self._target, self._open = target, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open.append(self._listener)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()
        except OSError:
            pass

    @staticmethod
    def _pass(source, sink):
        try:
            while octets := source.recv(1 << 16):
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_what_cannot_be_seen_is_known_by_its_name(server, client, new_pool, make):
    jobs, results = (make(Relay(server.address(port))) for port in ("jobs", "results"))
    pool = new_pool("--max", "2", "--idle-s", "1", "--jobs", jobs.url, "--results", results.url,
                    "--", acequia(), "worker", "--", "sh", "-c", "sleep 0.3; cat")
    ids = client.submit_many(range(4))
    client.outcomes(len(ids))
    # Only lanes that it knows to be its own are drained, and none else is stopped so soon.
    pool.wait_processes(0)
    assert server.metric("acequia_jobs_redelivered_total", queue="default") == 0
    assert pool.stop() == 0


def test_two_pools_each_with_queues_of_its_own(server, client, new_pool, stock, ran):
    red = new_pool("--max", "2", "--queue", "red", "--queue", "crimson", *stock, name="red")
    blue = new_pool("--max", "3", "--queue", "blue", *stock, name="blue")
    eventually(lambda: red.report() and blue.report(), "their reports")
    ids = [client.submit(100, queue=queue) for queue in ("red", "crimson") for _ in range(8)]
    red.wait_processes(2)
    client.outcomes(len(ids))
    assert blue.pids() == [] and blue.report()["processes"] == 0
    assert red.report()["queues"] == ["red", "crimson"]
    ids += [client.submit(100, queue="blue") for _ in range(9)]
    blue.wait_processes(3)
    client.outcomes(len(ids))
    assert len(set(ran())) == len(ran()) == len(ids)
    # Each stops its own only.
    (first, second) = red.pids()
    assert blue.stop() == 0
    assert runs(first) and runs(second)
    assert red.stop() == 0


def test_a_worker_of_several_slots(server, client, new_pool, tmp_path):
    pool = new_pool("--max", "5", "--slots", "4", "--idle-s", "1", "--", acequia(), "worker", "--", "sh", "-c",
                    "touch began.$ACEQUIA_JOB; until [ -e go ]; do sleep 0.01; done; echo done", cwd=tmp_path)
    eventually(pool.report, "its report")
    ids = client.submit_many(range(8))
    eventually(lambda: len(list(tmp_path.glob("began.*"))) == 8, "eight jobs at a time")
    assert len(pool.pids()) == 2
    assert server.metric("acequia_queue_slots", queue="default") == 8
    (tmp_path / "go").touch()
    client.outcomes(len(ids))
    pool.wait_processes(0)
    assert pool.stop() == 0


def test_slots_are_learnt(server, client, new_pool, tmp_path):
    """Told nothing, it goes by one slot each until a process shows that it has more."""
    script = "touch began.$ACEQUIA_JOB; until [ -e go ]; do sleep 0.01; done; echo done"
    pool = new_pool("--max", "5", "--", acequia(), "worker", "--slots", "3", "--", "sh", "-c", script, cwd=tmp_path)
    ids = [client.submit(1)]
    server.wait_workers(1)
    eventually(lambda: (pool.report() or {}).get("starting") == 0 and pool.report()["processes"] == 1, "the first")
    ids += client.submit_many(range(4))
    eventually(lambda: len(list(tmp_path.glob("began.*"))) == 5, "five jobs at a time")
    assert len(pool.pids()) == 2
    (tmp_path / "go").touch()
    client.outcomes(len(ids))
    assert pool.stop() == 0


def test_over_ipc(new_server, make, tmp_path, stock, ran):
    server = new_server(jobs=f"ipc://{tmp_path}/jobs", results=f"ipc://{tmp_path}/results")
    client, admin = make(Client(server)), make(Admin(server))
    pool = Pool(server, admin, "--max", "3", "--idle-s", "1", *stock)
    ids = [client.submit(100) for _ in range(20)]
    pool.wait_processes(3)
    client.outcomes(len(ids))
    pool.wait_processes(0)
    assert len(ran()) == 20
    assert pool.stop() == 0


def test_with_an_admin_token(new_server, make, tmp_path, stock):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    server = new_server("--admin-token-file", file)
    client, admin = make(Client(server)), make(Admin(server, TOKEN))
    url = f"http://{server.http}"
    code, out, said = run_acequia("pool", "--server", url, "--", "cat")
    assert code == 1 and not out and "--admin-token-file" in said, said
    pool = Pool(server, admin, *stock, env={"ACEQUIA_ADMIN_TOKEN_FILE": str(file)})
    assert client.result(client.submit(1)) == 1
    (pid,) = pool.pids()
    assert b"ADMIN" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert pool.stop() == 0
    other = tmp_path / "other"
    other.write_text(TOKEN.replace("-", "é"))
    code, _, said = run_acequia("pool", "--server", url, "--admin-token-file", other, "--", "cat")
    assert code == 1 and "a header cannot hold this token" in said, said


def test_a_server_that_restarts_under_it(new_server, make, tmp_path, stock, ran):
    server = new_server(quiet_ports=True, journal=tmp_path / "journal")
    admin = make(Admin(server))
    pool = Pool(server, admin, "--min", "1", "--max", "3", *stock)
    with Client(server) as client:
        assert client.result(client.submit(1)) == 1
    for _ in range(2):
        server.kill()
        pids = pool.pids()
        pool.process.line(lambda line: "stay as they are" in line, of="stderr")
        server.start_again()
        with Client(server) as client:
            ids = [client.submit(50) for _ in range(30)]
            client.outcomes(len(ids))
        assert set(pids) <= set(pool.pids()), "it kept those that it had"
    assert pool.stop() == 0


@pytest.mark.not_at_door("an owner that stops leaves the runs of a door to the next owner")
def test_a_server_that_stops_takes_its_time(new_server, make, tmp_path, stock, ran):
    """All workers drain then, and are kept for the next server nevertheless."""
    server = new_server(quiet_ports=True, journal=tmp_path / "journal")
    pool = Pool(server, make(Admin(server)), "--min", "2", "--max", "2", *stock)
    server.wait_workers(2)
    before = pool.wait_processes(2)
    with Client(server) as client:
        client.submit(3_000)
        eventually(ran, "the job")
        server.process.signal(signal.SIGTERM)
        pool.process.line(lambda line: "about to stop" in line, of="stderr")
        assert server.process.wait() == 0
    server.start_again()
    server.wait_workers(2)
    pool.process.line(lambda line: "answers again" in line, of="stderr")
    assert pool.pids() == before and len(ran()) == 1
    assert pool.stop() == 0


def test_a_server_that_comes_later(make, stock):
    server = Server.on_quiet_ports()
    server.kill()
    admin = make(Admin(server))
    pool = Pool(server, admin, "--min", "1", *stock)
    pool.process.line(lambda line: "no server answers" in line, of="stderr")
    server.start_again()
    server.wait_workers(1)
    assert pool.stop() == 0
    server.check()


@pytest.mark.not_at_door("the door stays on its ports")
def test_a_server_on_other_ports(new_server, make, stock):
    server = new_server(quiet_ports=True)
    pool = Pool(server, make(Admin(server)), "--min", "1", "--max", "2", *stock)
    server.wait_workers(1)
    (before,) = pool.pids()
    server.kill()
    server.jobs = server.results = "tcp://127.0.0.1:0"
    server.start_again()
    server.wait_workers(1)
    eventually(lambda: not runs(before), "the end of the one that cannot find the server")
    assert pool.stop() == 0


def test_the_operator_scales(server, admin, client, new_pool, stock, ran):
    pool = new_pool("--max", "2", *stock)
    eventually(pool.report, "its report")
    status, scaled = admin.call("POST", "pools/pool/scale")
    assert status == 400, scaled
    scale(server, {"min": 3, "max": 3})
    pool.wait_processes(3)
    server.wait_workers(3)
    ids = [client.submit(1_000) for _ in range(3)]
    eventually(lambda: len(ran()) == 3, "three jobs that run")
    scale(server, {"min": 0, "max": 1})
    client.outcomes(len(ids))
    pool.wait_processes(1)
    assert len(ran()) == 3, "each was ended where it ran"
    report = pool.report()
    assert (report["min"], report["max"]) == (0, 1)
    assert pool.stop() == 0


def scale(server, body):
    connection = http.client.HTTPConnection(*server.address("http"), timeout=30)
    try:
        connection.request("POST", "/v1/admin/pools/pool/scale", json.dumps(body), server.operator())
        response = connection.getresponse()
        assert response.status == 200, response.read()
    finally:
        connection.close()


def test_a_queue_that_is_paused_needs_nobody(server, admin, client, new_pool, stock):
    status, _ = admin.call("POST", "queues/default/pause")
    assert status == 200
    pool = new_pool(*stock)
    id = client.submit(1)
    client.accepted([id])
    eventually(pool.report, "its report")
    seen = pool.report()["reported_ms"]
    eventually(lambda: pool.report()["reported_ms"] > seen, "another report")
    assert pool.pids() == []
    status, _ = admin.call("POST", "queues/default/resume")
    assert client.result(id) == 1
    assert pool.stop() == 0


def test_a_worker_that_an_operator_drains_is_replaced(server, admin, new_pool, stock):
    pool = new_pool("--min", "1", "--max", "2", *stock)
    server.wait_workers(1)
    (before,) = pool.pids()
    status, body = admin.call("GET", "workers")
    (worker,) = body["workers"]
    status, _ = admin.call("POST", f"workers/{worker['worker']}/drain")
    assert status == 200
    eventually(lambda: not runs(before), "its end")
    pool.wait_processes(1)
    server.wait_workers(1)
    assert pool.stop() == 0


def test_what_processes_know(server, new_pool, tmp_path):
    token = tmp_path / "token"
    token.write_text("a worker token of more than thirty-two bytes")
    pool = new_pool("--min", "1", "--queue", "a,b", "--slots", "3", "--worker-token-file", token, "--", "env")
    said = lambda name: pool.process.line(lambda line: line.startswith(f"pool-1| {name}=")).split("=", 1)[1]
    assert said("ACEQUIA_NAME") == "pool-1"
    assert said("ACEQUIA_QUEUE") == "a,b"
    assert said("ACEQUIA_JOBS") == server.jobs
    assert said("ACEQUIA_RESULTS") == server.results
    assert said("ACEQUIA_SLOTS") == "3"
    assert said("ACEQUIA_WORKER_TOKEN_FILE") == str(token)


def test_the_worker_of_the_document(server, client, new_pool, tmp_path):
    script = tmp_path / "pooled.py"
    script.write_text(sample("docs/pools.md", "pooled.py"))
    pool = new_pool("--", sys.executable, script)
    assert client.result(client.submit("hello")) == "HELLO"
    assert pool.stop() == 0


@pytest.mark.parametrize("args, named", [
    ([], "CMD"),
    (["--", "no-such-program"], "no-such-program"),
    (["--", "/etc/passwd"], "/etc/passwd"),
    (["--max", "0", "--", "cat"], "--max"),
    (["--max", "1001", "--", "cat"], "1000"),
    (["--min", "3", "--max", "2", "--", "cat"], "--min 3"),
    (["--queue", "a b", "--", "cat"], "a b"),
    (["--name", "a b", "--", "cat"], "[A-Za-z0-9._-]"),
    (["--name", "n" * 59, "--", "cat"], "58"),
    (["--slots", "0", "--", "cat"], "--slots"),
    (["--idle-s", "0", "--", "cat"], "--idle-s"),
    (["--jobs", "nonsense", "--", "cat"], "nonsense"),
    (["--server", "nonsense", "--", "cat"], "nonsense"),
    (["--admin-token-file", "/no/such/file", "--", "cat"], "/no/such/file"),
])
def test_wrong_usage(args, named):
    code, out, said = run_acequia("pool", *args)
    assert code != 0 and not out
    assert named in said and "panicked" not in said, said


def test_a_program_that_cannot_be_started(server, client, tmp_path):
    """Found out only when it is: its interpreter is not there."""
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    client.submit(1)
    code, _, said = run_acequia("pool", "--server", f"http://{server.http}", "--", script, env=server.env_of_commands())
    assert code == 1 and f"`{script}` cannot be started" in said, said


def test_pools_of_the_server_itself(new_server, make, tmp_path, ran):
    """It needs no port of loopback for them, no token, and no word of its own certificate."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    worker = f"{sys.executable} {POOLED} {tmp_path / 'runs'}"
    server = new_server("--pool", f"red: 1..2 queue=red,crimson -- {worker}", "--pool", f"blue: queue=blue -- {worker}",
                        "--admin-token-file", token, listen="0.0.0.0:0")
    server.http = server.http.replace("0.0.0.0", "127.0.0.1")
    admin, client = make(Admin(server, TOKEN)), make(Client(server))
    ids = [client.submit(100, queue=queue) for queue in ("red", "crimson", "blue") for _ in range(6)]
    client.outcomes(len(ids))
    names = lambda: [pool["pool"] for pool in admin.call("GET", "pools")[1]["pools"]]
    eventually(lambda: names() == ["blue", "red"], "their reports")
    server.process.line(lambda line: line.startswith("red-1| "))
    server.process.line(lambda line: line.startswith("blue-1| "))
    assert len(set(ran())) == len(ran()) == len(ids)


def test_pools_end_with_their_server(make, tmp_path, ran):
    worker = f"{sys.executable} {POOLED} {tmp_path / 'runs'}"
    server = Server("--pool", f"p: 0..2 -- {worker}", journal=tmp_path / "journal")
    client = make(Client(server))
    ids = [client.submit(500) for _ in range(6)]
    eventually(lambda: len(ran()) >= 2, "jobs that run")
    children = server.process.children()
    assert len(children) == 3, "two, and the guard"
    assert server.stop() == 0
    assert not any(runs(pid) for pid in children)
    begun = len(ran())
    server.start_again()
    eventually(lambda: len(ran()) == 6, "the others")
    assert len(set(ran())) == 6 and begun < 6
    children = server.process.children()
    server.kill()
    for pid in children:
        eventually(lambda pid=pid: not runs(pid), "its end")


@pytest.mark.parametrize("pools, named", [
    (["0..8 -- cat"], "such as 'thumbs: 0..8 queue=thumb,crop -- python3 worker.py'"),
    (["p: -- no-such-program"], "no-such-program"),
    (["p: -- cat", "p: -- cat"], "two pools"),
])
def test_wrong_pools_of_a_server(pools, named):
    said = starts_not(*[word for pool in pools for word in ("--pool", pool)])
    assert named in said, said


HANGING = """
import os, sys, time, zmq, pathlib
ctx = zmq.Context()
jobs, results = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
jobs.connect(os.environ["ACEQUIA_JOBS"]); results.connect(os.environ["ACEQUIA_RESULTS"])
while True:
    kind, id, head, body = jobs.recv_multipart()
    if kind == b"hello":
        results.send_multipart([b"ready", id])
    elif kind == b"job" and body == b'"hang"':
        time.sleep(3600)
    elif kind == b"job":
        results.send_multipart([b"done", id, b"", body])
"""


def test_one_that_hangs_is_replaced(new_pool, client):
    pool = new_pool("--max", "1", "--grace-s", "2", "--", sys.executable, "-c", HANGING)
    hangs = client.submit("hang", timeout_ms=300)
    first, = pool.wait_processes(1)
    assert client.outcome(hangs)["code"] == "timeout"
    fine = client.submit("fine")
    # A stock worker ends by SIGTERM; until then the pool has patience with it.
    eventually(lambda: not runs(first), "the end of the one that hangs", 60)
    assert client.result(fine) == "fine"
    pool.process.line(lambda line: "hangs, and is replaced" in line, of="stderr")
    assert pool.stop() == 0


def test_it_says_what_it_does(new_pool):
    pool = new_pool("--max", "3", "--queue", "red", "--", "cat")
    said = pool.process.line(lambda line: "keeps 0 to 3 processes" in line, of="stderr")
    assert "cat" in said and "red" in said
    assert pool.stop() == 0


def test_what_workers_say_is_only_shown(new_pool):
    pool = new_pool("--min", "1", "--", "sh", "-c", r"printf '\033[2Jhe\rl\342\200\256lo\n'; exec sleep 60")
    said = pool.process.line(lambda line: "[2J" in line)
    assert not any(c in said for c in "\x1b\r\u202e"), said
    pool.process.signal(signal.SIGINT)
    pool.process.signal(signal.SIGINT)
    pool.process.wait()


GUARD = r"""
import os, subprocess, sys, time
guard = subprocess.Popen([sys.argv[1], "pool-guard", "--config", "none", "--grace-s", "0"],
                         stdin=subprocess.PIPE, text=True)
sleeps = lambda: subprocess.Popen(["sleep", "600"], start_new_session=True)
ours, gone = sleeps(), sleeps()
guard.stdin.write(f"+{ours.pid}\n+{gone.pid}\n")
guard.stdin.flush()
def held():
    names = os.listdir(f"/proc/{guard.pid}/fd")
    links = [os.readlink(f"/proc/{guard.pid}/fd/{name}") for name in names]
    return sum("pidfd" in link for link in links)
while held() < 2:
    time.sleep(0.01)
number = gone.pid
gone.kill(); gone.wait()
while True:
    open("/proc/sys/kernel/ns_last_pid", "w").write(str(number - 1))
    stranger = sleeps()
    if stranger.pid == number:
        break
    stranger.kill(); stranger.wait()
guard.stdin.close()
guard.wait()
assert ours.wait() != 0
print("stranger", "lives" if stranger.poll() is None else "was signalled")
"""


def test_the_guard_signals_no_stranger_who_has_the_number_of_one_that_is_gone(tmp_path):
    """In a world of its own, where the next number can be chosen."""
    script = tmp_path / "guard.py"
    script.write_text(GUARD)
    world = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
    ran = subprocess.run([*world, sys.executable, script, acequia()],
                         capture_output=True, text=True, timeout=60)
    assert ran.stdout == "stranger lives\n", ran.stderr
