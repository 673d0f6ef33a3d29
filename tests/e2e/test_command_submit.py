"""`acequia submit`: a job from a shell, its result on standard output."""

import io
import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from PIL import Image
from websockets.sync.server import serve as ws_serve

from harness import Process, acequia, acequia_worker, eventually, run_acequia
from harness.server import ROOT, quiet_port


@pytest.fixture
def submit(server):
    def run(*args, stdin=b"", cwd=None):
        return run_acequia("submit", "--server", server.ws, *args, stdin=stdin, cwd=cwd)

    return run


def test_thumbnail(server, submit, tmp_path):
    acequia_worker(server, "--demo")
    picture = Image.new("RGB", (800, 400), "navy")
    picture.paste("orange", (400, 0, 800, 400))
    for name in ("photo.jpg", "photo.png", "photo.webp", "photo.gif", "photo.bmp"):
        picture.save(tmp_path / name)
        code, out, said = submit("--queue", "thumbnail", name, cwd=tmp_path)
        assert code == 0, said
        small = Image.open(io.BytesIO(out))
        small.load()
        assert (small.format, small.size) == ("JPEG", (256, 128))
        left, right = small.getpixel((20, 60)), small.getpixel((230, 60))
        assert left[2] > 90 > left[0] and right[0] > 200 > right[2], (left, right)


def test_what_is_no_picture(server, submit):
    acequia_worker(server, "--demo")
    code, out, said = submit("--queue", "thumbnail", stdin=b"not a picture")
    assert (code, out) == (1, b"")
    assert "bad_image" in said


def test_a_picture_that_would_fill_the_memory(server, submit, tmp_path):
    worker = acequia_worker(server, "--demo")
    bomb = tmp_path / "bomb.png"
    Image.new("1", (16_000, 16_000)).save(bomb)
    code, out, said = submit("--queue", "thumbnail", bomb)
    assert (code, out) == (1, b"") or len(out) < 100_000, said
    assert worker.alive and worker.status("VmHWM") < 700 * 1024


@pytest.mark.parametrize("payload", [b"", b"\x00\xff", b"text\n", bytes(range(256)) * 4000])
def test_bytes_there_and_back(server, submit, payload, tmp_path):
    acequia_worker(server, "--demo")
    file = tmp_path / "payload"
    file.write_bytes(payload)
    for args, stdin in (([file], b""), (["-"], payload), ([], payload)):
        code, out, said = submit("--queue", "echo", *args, stdin=stdin)
        assert (code, out) == (0, payload), said


def test_json(server, submit):
    acequia_worker(server, "--demo")
    code, out, said = submit("--queue", "upper", "--json", stdin=b'{"a": ["b", 1.5, null]}')
    assert code == 0, said
    assert out.endswith(b"\n") and json.loads(out) == {"a": ["B", 1.5, None]}
    code, _, said = submit("--queue", "upper", "--json", stdin=b"{")
    assert code == 2 and "JSON" in said


def test_states_go_to_standard_error(server, submit):
    acequia_worker(server, "--queue", "slow", "--name", "tortoise", "--", "sh", "-c", "sleep 0.1; cat")
    code, out, said = submit("--queue", "slow", stdin=b"text")
    assert (code, out) == (0, b"text")
    assert "accepted" in said and "tortoise" in said
    code, out, said = submit("--queue", "slow", "--quiet", stdin=b"text")
    assert (code, out, said) == (0, b"text", "")


def test_chunks_as_they_come(server, submit):
    acequia_worker(server, "--stream", "--", "printf", r"one\ntwo\n")
    code, out, said = submit()
    assert code == 0, said
    assert out == b"onetwo" or out == b"one\ntwo\n"


def test_failures(server, submit):
    acequia_worker(server, "--", "sh", "-c", "echo went wrong >&2; exit 7")
    code, out, said = submit("--attempts", "2")
    assert (code, out) == (1, b"")
    assert "exit_7" in said and "went wrong" in said and "attempt" in said
    code, _, said = submit("--queue", "nobody", "--ttl-ms", "50")
    assert code == 1 and "expired" in said


def test_a_run_over_its_time(server, submit):
    acequia_worker(server, "--", "sleep", "600")
    code, _, said = submit("--timeout-ms", "100")
    assert code == 1 and "timeout" in said


def test_rejections(submit, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(bytes((1 << 20) + 1))
    code, out, said = submit(large)
    assert (code, out) == (3, b"")
    assert str((1 << 20) + 1) in said and str(1 << 20) in said


def test_wrong_usage(submit):
    for args in (["no/such/file"], ["--queue", "a b"], ["--priority", "10"], ["--attempts", "0"], ["--colour"]):
        code, out, said = submit(*args)
        assert (code, out) == (2, b""), (args, said)
        assert said
    assert "no/such/file" in submit("no/such/file")[2]


def test_no_server():
    port = quiet_port()
    code, out, said = run_acequia("submit", "--server", f"ws://127.0.0.1:{port}/v1/ws", stdin=b"x")
    assert (code, out) == (4, b"")
    assert str(port) in said and "acequia serve" in said
    assert run_acequia("submit", "--server", "nonsense")[0] == 2


def test_a_server_that_goes(server):
    job = Process([acequia(), "submit", "--server", server.ws, "--queue", "nobody"], name="submit")
    job.line(lambda line: "accepted" in line, of="stderr")
    server.process.signal(signal.SIGTERM)
    assert job.wait() == 4
    assert any("server" in line for line in job.stderr)
    assert server.process.wait() == 0
    server.start_again()


def test_interrupted(server):
    worker = acequia_worker(server, "--", "sleep", "600")
    job = Process([acequia(), "submit", "--server", server.ws], name="submit")
    job.line(lambda line: "started" in line, of="stderr")
    job.signal(signal.SIGINT)
    assert job.wait() == 130
    server.wait_metric("acequia_jobs_ended_total", 1, queue="default", outcome="cancelled")
    assert worker.alive


HOSTILE = "evil\r\n\x1b[2J\x9b31m\u202e\u2028"


def is_plain(text):
    return not any(c in text for c in "\r\x1b\x9b\u202e\u2028")


def test_what_others_wrote_is_only_shown(server, new_worker):
    worker = new_worker(name=HOSTILE, queues=["evil"])
    job = Process([acequia(), "submit", "--server", server.ws, "--queue", "evil"], name="submit")
    run = worker.job()
    job.line(lambda line: "started" in line, of="stderr")
    worker.fail(run, code="bad", message=HOSTILE)
    assert job.wait() == 1
    assert all(is_plain(line) and line.startswith("acequia: ") for line in job.stderr), job.stderr
    assert any("failed" in line and "evil" in line for line in job.stderr)


def test_a_job_that_nobody_takes_says_so(server):
    job = Process([acequia(), "submit", "--server", server.ws, "--queue", "lonely"], name="submit")
    said = job.line(lambda line: "waits" in line, of="stderr")
    assert "no worker" in said and "acequia worker --queue lonely" in said
    job.signal(signal.SIGINT)
    assert job.wait() == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_says_what_becomes_of_the_job(server, admin, number):
    job = Process([acequia(), "submit", "--server", server.ws, "--queue", "left"], name="submit")
    name = job.line(lambda line: "accepted" in line, of="stderr").split()[-1]
    job.signal(number)
    assert job.wait() == 128 + number
    last = job.stderr[-1]
    assert name in last and "goes on" in last and last.endswith(f"/v1/admin/jobs/{name}/cancel")
    status, body = admin.call("GET", f"jobs/{name}")
    assert (status, body["state"]) == (200, "waiting"), body
    assert admin.call("POST", f"jobs/{name}/cancel")[0] == 200


def caught(pid):
    """The signals that a process has handlers for."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("SigCgt:")).split()[1], 16)


def test_told_to_end_before_there_is_a_payload():
    job = Process([acequia(), "submit"], name="submit", stdin=subprocess.PIPE)
    bit = 1 << (signal.SIGTERM - 1)
    eventually(lambda: caught(job.pid) & bit, "its handlers")
    job.signal(signal.SIGTERM)
    assert job.wait() == 143
    job.process.stdin.close()
    assert "before the job was submitted" in job.stderr[-1]


def test_a_hangup_is_nothing_to_whoever_is_to_live_on(server):
    command = [acequia(), "submit", "--server", server.ws, "--queue", "on"]
    job = Process(["nohup", *command], name="submit")
    job.line(lambda line: "accepted" in line, of="stderr")
    job.signal(signal.SIGHUP)
    job.line(lambda line: "waits" in line, of="stderr")
    job.signal(signal.SIGINT)
    assert job.wait() == 130


def test_output_that_nobody_reads_cancels_the_job(server):
    acequia_worker(server, "--queue", "endless", "--stream", "--", "sh", "-c",
                   "while sleep 0.05; do echo line; done")
    command = [acequia(), "submit", "--server", server.ws, "--queue", "endless"]
    job = subprocess.run(["sh", "-c", '"$@" </dev/null | head -c 1', "sh", *command],
                         stderr=subprocess.PIPE, text=True, timeout=30)
    assert "cannot write the result" in job.stderr, job.stderr
    server.wait_metric("acequia_jobs_ended_total", 1, queue="endless", outcome="cancelled")


JOB = "0198c7c2-0000-7000-8000-000000000001"
WELCOME = json.loads(next(
    vector["text"]
    for vector in json.loads((ROOT / "wire/vectors/client-events.json").read_text())["cases"]
    if vector["name"] == "json_welcome"))


@pytest.mark.parametrize("gap, done, code", [
    # The last chunks are missing, which their numbers do not show.
    ({"ev": "gap", "missed": 2}, True, 1),
    ({"ev": "gap", "missed": 1, "id": 1, "job": JOB}, False, 1),
    (None, True, 0),
])
def test_what_is_not_all_of_it_fails(gap, done, code):
    """A server of a few lines, since a real one loses nothing of a job whose reader keeps up."""

    def serve(ws):
        hello = json.loads(ws.recv())
        assert hello["op"] == "hello"
        ws.send(json.dumps(WELCOME))
        assert json.loads(ws.recv())["op"] == "submit"
        of = {"id": 1, "job": JOB}
        events = [{"ev": "accepted", **of}, {"ev": "started", **of, "attempt": 1, "worker": "w"},
                  {"ev": "chunk", **of, "n": 1, "data": "one"}]
        events += [gap] * bool(gap) + [{"ev": "done", **of, "result": None}] * done
        for event in events:
            ws.send(json.dumps(event))
        for _ in ws:
            pass

    with ws_serve(serve, "127.0.0.1", 0, subprotocols=["acequia.v1.json"]) as fake:
        threading.Thread(target=fake.serve_forever, daemon=True).start()
        port = fake.socket.getsockname()[1]
        said = run_acequia("submit", "--json", "--server", f"ws://127.0.0.1:{port}/v1/ws", stdin=b"1")
        fake.shutdown()
    assert said[0] == code, said
    assert b"one" in said[1]
