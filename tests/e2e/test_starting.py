"""How a server starts, and how it says why it does not."""

import os
import re
import stat

import pytest

from harness import Client, Server, Serving, run_acequia
from harness.server import FREE, quiet_port, refused_to_serve, starts_not


def test_the_ready_line(server):
    ready = server.process.stdout
    assert len(ready) == 1
    ports = r"acequia ready http=127\.0\.0\.1:(\d+) jobs=tcp://127\.0\.0\.1:(\d+) results=tcp://127\.0\.0\.1:(\d+)"
    assert "0" not in re.fullmatch(ports, ready[0]).groups()


@pytest.mark.parametrize("flag", ["--listen", "--jobs", "--results"])
def test_a_port_that_is_taken(server, flag):
    taken = server.http if flag == "--listen" else server.jobs
    said = refused_to_serve(*swapped(flag, taken))
    assert taken.removeprefix("tcp://") in said
    assert "port" in said and ("--listen" in said or "another" in said), said


def swapped(flag, value):
    flags = list(FREE)
    flags[flags.index(flag) + 1] = value
    return flags


@pytest.mark.parametrize("flag", ["--jobs", "--results"])
@pytest.mark.parametrize("url", ["", "127.0.0.1:5557", "udp://127.0.0.1:1", "tcp://127.0.0.1", "ipc://",
                                 "tcp://127.0.0.1:65536", "tcp://nowhere.invalid:1"])
def test_a_bad_url(flag, url):
    said = refused_to_serve(*swapped(flag, url), *(["--allow-open-workers"] if "invalid" in url else []))
    if "invalid" in url:
        assert "nowhere.invalid" in said
    else:
        assert flag in said and "tcp://" in said and "ipc://" in said, said


@pytest.mark.parametrize("listen", ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", "256.0.0.1:0"])
def test_a_bad_address(listen):
    said = refused_to_serve(*swapped("--listen", listen))
    assert said.strip()
    assert "listen" in said, said


def test_an_unknown_flag():
    said = refused_to_serve("--colour", "red")
    assert "--colour" in said and "--help" in said


def test_a_bad_number():
    said = starts_not("--client-jobs", "many")
    assert "--client-jobs" in said and "many" in said


@pytest.mark.parametrize("flag", ["--jobs", "--results"])
@pytest.mark.parametrize("host", ["0.0.0.0", "*", "[::]"])
def test_workers_from_elsewhere(flag, host):
    said = refused_to_serve(*swapped(flag, f"tcp://{host}:0"))
    assert "--allow-open-workers" in said and flag in said
    server = Server("--allow-open-workers", **{flag[2:]: f"tcp://{host}:0"})
    server.check()


def test_settings_from_the_environment():
    port = quiet_port()
    env = {"ACEQUIA_LISTEN": f"127.0.0.1:{port}", "ACEQUIA_JOBS": "tcp://127.0.0.1:0",
           "ACEQUIA_RESULTS": "nonsense", "ACEQUIA_JOURNAL": "none"}
    said = refused_to_serve(env=env)
    assert "--results" in said and "nonsense" in said
    server = Server(env={"ACEQUIA_CLIENT_JOBS": "1"})
    with Client(server) as client:
        ids = client.submit_many([1, 2])
        assert client.heard("rejected", id=ids[1])["code"] == "too_many_jobs"


def test_ipc(tmp_path, encoding):
    jobs, results = tmp_path / "jobs.sock", tmp_path / "results.sock"
    for _ in range(2):  # the second finds what a killed one left
        server = Server(jobs=f"ipc://{jobs}", results=f"ipc://{results}")
        for path in (jobs, results):
            mode = path.stat().st_mode
            assert stat.S_ISSOCK(mode) and not mode & (stat.S_IRWXG | stat.S_IRWXO), oct(mode)
        with Serving(server, lambda job: job.body.upper()), Client(server, encoding) as client:
            ids = client.submit_many([f"drop {n}" for n in range(100)])
            assert [client.result(id) for id in ids] == [f"DROP {n}" for n in range(100)]
        server.check()
        server.kill()


def test_ipc_paths_that_are_no_sockets(tmp_path):
    file = tmp_path / "precious"
    file.write_text("data")
    said = refused_to_serve(*swapped("--jobs", f"ipc://{file}"))
    assert str(file) in said
    assert file.read_text() == "data"
    said = refused_to_serve(*swapped("--jobs", f"ipc://{tmp_path}/no/such/folder/jobs"))
    assert "no/such/folder" in said
    assert os.path.isdir(tmp_path)


def test_ipc_of_a_server_that_lives(tmp_path):
    jobs, results = f"ipc://{tmp_path}/jobs", f"ipc://{tmp_path}/results"
    server = Server(jobs=jobs, results=results)
    said = refused_to_serve(*FREE[:2], *FREE[-2:], "--jobs", jobs, "--results", results)
    assert f"{tmp_path}/jobs" in said
    with Serving(server), Client(server) as client:
        assert client.result(client.submit("still here")) == "still here"


def test_help():
    for command in ([], ["serve"], ["worker"], ["submit"], ["demo"], ["bench"]):
        code, out, _ = run_acequia(*command, "--help")
        assert code == 0 and b"Usage:" in out, command
    code, out, _ = run_acequia("--version")
    assert code == 0 and re.fullmatch(rb"acequia \d+\.\d+\.\d+\n", out)
