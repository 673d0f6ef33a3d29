"""`acequia top`: a server in a terminal."""

import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import Client, Process, Server, Worker, acequia, run_acequia
from harness.prefixed import Prefixed
from harness.server import clean_env, quiet_port
from harness.terminal import Terminal

TOKEN = "0123456789abcdef0123456789abcdef"
HOSTILE = "evil\x1b[2J\x1b]0;title\x07\x9b31m\u202e"


@pytest.fixture
def top(server, make):
    return lambda *args, **options: make(
        Terminal("top", "--server", f"http://{server.http}", *args, **options))


def quit_by(terminal, keys="q"):
    terminal.press(keys)
    assert terminal.wait() == 0
    assert terminal.is_sane()


def test_it_sees_jobs_come_and_go(client, new_worker, top):
    terminal = top()
    terminal.line("queues (0)")
    ids = [client.submit(n, queue="red") for n in range(7)]
    client.accepted(ids)
    line = terminal.line("red", " 7 ")
    assert line.split()[:3] == ["│red", "7", "0"], line
    terminal.line("jobs 7 (")
    worker = new_worker(name="painter", slots=7, queues=["red"])
    jobs = [worker.job() for _ in range(7)]
    terminal.line("red", " 7/7 ")
    for job in jobs:
        worker.done(job, b'"done"')
    for id in ids:
        client.result(id)
    terminal.line("jobs 0 (")
    terminal.press("2")
    line = terminal.line("painter", "ready", "0/7")
    assert " 7 " in line, line
    quit_by(terminal)


def test_a_queue_is_paused_and_resumed(client, admin, top):
    terminal = top()
    client.accepted([client.submit("text", queue=queue) for queue in ("blue", "red")])
    terminal.line("red")
    terminal.press("\x1b[Bp")
    terminal.line("Pause red?", "y/n")
    terminal.press("n")
    terminal.line("q quit")
    assert not admin.get("queues/red")["paused"]
    terminal.press("p")
    terminal.line("Pause red?", "y/n")
    terminal.press("y")
    terminal.line("red is paused")
    assert admin.get("queues/red")["paused"] and not admin.get("queues/blue")["paused"]
    terminal.line("red", "paused", " 1 ")
    terminal.press("py")
    terminal.line("red is not paused")
    assert not admin.get("queues/red")["paused"]
    quit_by(terminal)


def test_a_worker_is_drained(new_worker, admin, top):
    new_worker(name="painter")
    terminal = top()
    terminal.line("workers (1)")
    terminal.press("2d")
    terminal.line("Drain painter")
    terminal.press("y")
    terminal.line("painter is draining")
    (worker,) = admin.get("workers")["workers"]
    assert worker["state"] == "draining"
    quit_by(terminal)


def test_a_pool_is_scaled_key_by_key(server, admin, top):
    Process([acequia(), "pool", "--server", f"http://{server.http}", "--name", "painters",
             "--queue", "red", "--max", "2", "--", acequia(), "worker", "--", "cat"],
            name="pool", env=clean_env())
    terminal = top()
    terminal.press("3")
    terminal.line("painters", "red")
    terminal.press("+++>")
    terminal.line("painters now keeps 1 to 5 processes")
    terminal.line("│painters", " 1 ", " 5 ")
    (pool,) = admin.get("pools")["pools"]
    assert (pool["min"], pool["max"]) == (1, 5)
    server.wait_workers(1)
    terminal.line("workers (1)")
    quit_by(terminal)


def test_a_failure_runs_again(client, new_worker, top):
    worker = new_worker()
    client.submit("text")
    job = worker.job()
    worker.fail(job, code="no_paint", message="there is no paint left", retry=False)
    terminal = top()
    terminal.press("4")
    terminal.line("no_paint", "there is no paint left")
    terminal.press("r")
    terminal.line(f"Run {job.name} again?")
    terminal.press("y")
    again = worker.job()
    terminal.line(f"it runs again as {again.name}")
    assert again.body == job.body
    terminal.line("failures (0)")
    quit_by(terminal)


@pytest.mark.parametrize("keys", ["q", "\x03", "?q\x03", "p\x03"])
def test_keys_to_leave(top, keys):
    terminal = top()
    terminal.line("ready")
    quit_by(terminal, keys)


def test_escape_leaves(top):
    terminal = top()
    terminal.line("ready")
    quit_by(terminal, "\x1b")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_leave_the_terminal_as_it_was(top, number):
    terminal = top()
    terminal.line("ready")
    terminal.signal(number)
    assert terminal.wait() == 0
    assert terminal.is_sane()


def test_a_server_that_goes_and_comes_again(new_server, make):
    server = new_server(quiet_ports=True)
    terminal = make(Terminal("top", "--server", f"http://{server.http}"))
    client = make(Client(server))
    client.accepted([client.submit("text", queue="red")])
    terminal.line("red", " 1 ")
    assert server.kill() != 0
    terminal.line("no connection")
    terminal.line("disconnected")
    terminal.line("red", " 1 ")  # as it was
    server.start_again()
    terminal.line("ready, up")
    terminal.line("queues (0)")
    assert not any("no connection" in line for line in terminal.lines())
    quit_by(terminal)


def test_a_server_that_hangs(new_server, make):
    server = new_server()
    terminal = make(Terminal("top", "--server", f"http://{server.http}", width=120))
    terminal.line("ready, up")
    server.process.signal(signal.SIGSTOP)
    try:
        terminal.line("no connection", "has gone silent")
    finally:
        server.process.signal(signal.SIGCONT)
    terminal.line("ready, up")
    assert not any("no connection" in line for line in terminal.lines())
    quit_by(terminal)


def test_a_server_that_stops(make):
    server = Server("--grace-s", "600")
    terminal = make(Terminal("top", "--server", f"http://{server.http}", width=200))
    worker, client = make(Worker(server)), make(Client(server))
    client.submit("text")
    job = worker.job()
    server.process.signal(signal.SIGTERM)
    terminal.line("no new jobs are taken: the server is about to stop")
    terminal.line("draining, up")
    worker.done(job, b'"done"')
    terminal.line("no connection", "the server has stopped")
    assert server.process.wait() == 0
    terminal.line("no connection", "no server answers", "acequia serve")
    quit_by(terminal)


def test_other_sizes(top):
    terminal = top()
    terminal.line("done/s")
    terminal.resize(140, 50)
    terminal.line("3 pools (0)", "4 failures (0)")
    terminal.line("failed/s")
    terminal.resize(60, 12)
    terminal.line("80x24 shows more")
    terminal.resize(20, 5)
    terminal.line("acequia top needs")
    terminal.resize(80, 24)
    terminal.line("q quit")
    quit_by(terminal)


def test_no_color(top):
    with_colours, without = top(), top(env={"NO_COLOR": "1"})
    for terminal in (with_colours, without):
        terminal.line("ready")
    assert with_colours.colours() and not without.colours()
    quit_by(with_colours)
    quit_by(without)


def test_what_workers_say_is_harmless(client, new_worker, top):
    worker = new_worker(name=HOSTILE, queues=["red"])
    client.submit("text", queue="red")
    worker.fail(worker.job(), code="bad", message=HOSTILE, retry=False)
    terminal = top(width=160, height=50)
    terminal.line("evil␛[2J␛]0;title␇�31m�", "ready")
    terminal.line("bad", "evil␛[2J␛]0;title␇")
    for octets in (b"\x1b]0;", b"\x07", b"\x1b[2J\x1b]", "\u202e".encode(), "\x9b".encode()):
        assert octets not in terminal.written, octets
    quit_by(terminal)


def test_once(server, client, new_worker):
    new_worker(name=HOSTILE, queues=["blue"])
    client.accepted([client.submit(n, queue="red") for n in range(3)])
    code, out, said = run_acequia("top", "--once", "--server", f"http://{server.http}")
    assert (code, said) == (0, "")
    text = out.decode()
    lines = text.splitlines()
    assert lines[0].startswith("acequia ") and f"at {server.http}: ready, up" in lines[0], text
    titles = next(line for line in lines if line.startswith("queue ")).split("  ")
    (red,) = (line for line in lines if line.startswith("red "))
    assert titles[0] == "queue" and red.split()[1:3] == ["3", "0"], text
    assert "workers: 1" in lines and "failures: 0" in lines
    assert "evil␛[2J" in text and not any(ord(c) < 32 and c != "\n" for c in text)


def test_where_there_is_no_terminal(server):
    code, out, said = run_acequia("top", "--server", f"http://{server.http}")
    assert (code, out) == (1, b"")
    assert "--once" in said and "curl -H" in said and f"http://{server.http}/v1/admin/server" in said


def test_once_into_a_pipe_that_is_closed(server):
    command = f"{acequia()} top --once --server http://{server.http} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert b"panicked" not in done.stderr


def test_no_server():
    for args in ([], ["--once"]):
        terminal = Terminal("top", "--server", f"http://127.0.0.1:{quiet_port()}", *args, width=200)
        try:
            assert terminal.wait() == 1
            terminal.line("no server answers", "acequia serve --listen", "--server")
            assert b"\x1b[?1049h" not in terminal.written
        finally:
            terminal.close()


def test_the_admin_token(new_server, make, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    url = f"http://{new_server('--admin-token-file', file).http}"
    code, out, said = run_acequia("top", "--once", "--server", url)
    assert (code, out) == (1, b"") and "401" in said and "--admin-token-file" in said
    code, out, said = run_acequia("top", "--once", "--server", url, "--admin-token-file", file)
    assert code == 0 and out.startswith(b"acequia "), said
    assert run_acequia("top", "--once", "--server", url, env={"ACEQUIA_ADMIN_TOKEN_FILE": str(file)})[0] == 0
    code, _, said = run_acequia("top", "--once", "--server", url, "--admin-token-file", tmp_path / "none")
    assert code == 1 and "--admin-token-file" in said and "none" in said
    terminal = make(Terminal("top", "--server", url, "--admin-token-file", file))
    terminal.line("ready")
    quit_by(terminal)


def test_the_token_that_a_server_made_is_shown_on_this_machine_only(server):
    # By an address that another program could have.
    port = server.address("http")[1]
    code, out, said = run_acequia("top", "--once", "--server", f"http://0.0.0.0:{port}")
    assert (code, out) == (1, b"")
    assert "401" in said and "--admin-token-file" in said and ".admin-token" in said
    assert run_acequia("top", "--once", "--server", f"http://localhost:{port}")[0] == 0
    # To another server nothing is shown that this one has left.
    with tempfile.TemporaryDirectory() as elsewhere:
        code, _, said = run_acequia("top", "--once", "--server", f"http://{server.http}", env={
            "XDG_RUNTIME_DIR": elsewhere, "TMPDIR": elsewhere})
    assert code == 1 and "401" in said


def test_below_a_path(server):
    prefixed = Prefixed(server.http, "/acequia")
    try:
        where = f"http://{prefixed.http}/acequia"
        file = Path(prefixed.folder, "token")
        file.write_text(server.admin_token())
        code, out, said = run_acequia("top", "--once", "--server", where, "--admin-token-file", file)
        assert code == 0 and b"queues: 0" in out, said
    finally:
        prefixed.close()
