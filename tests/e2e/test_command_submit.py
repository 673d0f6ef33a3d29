"""`acequia submit`: a job from a shell, its result on standard output."""

import io
import json
import signal

import pytest
from PIL import Image

from harness import Process, acequia, acequia_worker, run_acequia
from harness.server import quiet_port


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
