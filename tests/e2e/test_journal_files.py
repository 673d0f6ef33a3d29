"""The journal is a file: where it is, whose it is, and what a server does that cannot use it."""

import ctypes
import os
import stat

import pytest

from harness import Client, Process, Server, Serving, acequia
from harness.server import clean_env

FREE = ["--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0"]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def refusal(journal, **popen):
    """Runs a server that must not start on this file; returns what it says of it."""
    command = [acequia(), "serve", *FREE, "--journal", journal]
    server = Process(command, name="refused", env=clean_env(), **popen)
    assert server.wait() not in (0, -6, -11), server.log()
    assert server.stdout == []
    said = "\n".join(server.stderr)
    assert str(journal) in said and "panicked" not in said, said
    return said


@pytest.fixture
def used(tmp_path):
    """The journal of a server that was killed with a hundred jobs in it, written one after another."""
    path = tmp_path / "jobs.redb"
    server = Server(journal=path)
    with Client(server) as client:
        for _ in range(100):
            client.heard("accepted", id=client.submit("x" * 1000))
    server.kill()
    return path


def test_none_keeps_no_file(new_server, make, tmp_path):
    server = new_server(journal="none", cwd=tmp_path)
    make(Serving(server))
    with Client(server) as client:
        assert client.result(client.submit("text")) == "text"
    assert list(tmp_path.iterdir()) == []
    assert server.metric("acequia_journal_syncs_total") == 0


@pytest.mark.parametrize("how", ["flag", "variable", "default"])
def test_where_it_is(new_server, tmp_path, how):
    options = {
        "flag": {"journal": tmp_path / "mine"},
        "variable": {"journal": None, "env": {"ACEQUIA_JOURNAL": "mine"}},
        "default": {"journal": None},
    }[how]
    server = new_server(cwd=tmp_path, **options)
    with Client(server) as client:
        client.heard("accepted", id=client.submit("text"))
    name = "acequia.redb" if how == "default" else "mine"
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.admin-token"}
    mode = (tmp_path / name).stat().st_mode
    assert stat.S_ISREG(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)


@pytest.mark.parametrize("umask", [0, 0o777])
def test_its_owner_s_alone(new_server, tmp_path, umask):
    """Whatever the umask: payloads are nobody else's business."""
    new_server(journal=tmp_path / "jobs.redb", umask=umask)
    mode = (tmp_path / "jobs.redb").stat().st_mode
    assert stat.S_IMODE(mode) & ~0o600 == 0, oct(mode)


def test_an_empty_file_is_a_new_journal(new_server, tmp_path):
    (tmp_path / "jobs.redb").touch()
    server = new_server(journal=tmp_path / "jobs.redb")
    with Client(server) as client:
        client.heard("accepted", id=client.submit("text"))


@pytest.mark.parametrize("command", [["demo"], ["bench", "--seconds", "0.5", "--warmup-s", "0.1"]])
def test_other_commands_keep_none(tmp_path, command):
    process = Process([acequia(), *command], name=command[0], cwd=tmp_path, env=clean_env())
    if command == ["demo"]:
        process.line(lambda line: "http://" in line)
        process.signal(15)
    assert process.wait(100) == 0, process.log()
    assert list(tmp_path.iterdir()) == []


def test_another_server_has_it(new_server, tmp_path):
    first = Server(journal=tmp_path / "jobs.redb")
    assert "another server" in refusal(tmp_path / "jobs.redb")
    with Client(first) as client:
        client.heard("accepted", id=client.submit("text"))
    first.kill()
    # Its lock dies with it, however it dies.
    assert new_server(journal=tmp_path / "jobs.redb").metric("acequia_journal_recovered_jobs") == 1


def test_a_damaged_one(used):
    # One byte of each payload: nothing but a checksum tells that it was another.
    octets = used.read_bytes().replace(b"x" * 1000, b"y" + b"x" * 999)
    used.write_bytes(octets)
    said = refusal(used)
    assert "damaged" in said and "backup" in said
    assert used.read_bytes() == octets


def test_one_that_was_cut_short(used):
    os.truncate(used, used.stat().st_size // 2)
    assert "damaged" in refusal(used)


@pytest.mark.parametrize("content", [b"precious text, and nobody's journal\n" * 1000, b"PK\x03\x04"])
def test_another_program_s_file(tmp_path, content):
    path = tmp_path / "precious"
    path.write_bytes(content)
    said = refusal(path)
    assert "no journal" in said and "left alone" in said
    assert path.read_bytes() == content


def test_a_directory(tmp_path):
    assert "not a regular file" in refusal(tmp_path)


def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")


def test_a_directory_that_is_not_there(tmp_path):
    said = refusal(tmp_path / "no" / "such" / "jobs.redb")
    assert "directory does not exist" in said and "create it" in said
    assert list(tmp_path.iterdir()) == []


def without_privileges():
    """Root may read and write everything; a child that lacks these capabilities may not."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        # It fails for those who are not root, who lack them already.
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.mark.parametrize("forbidden", ["file", "read-only file", "directory"])
def test_no_permission(used, forbidden):
    path = used if "file" in forbidden else used.parent / "other.redb"
    what = used if "file" in forbidden else used.parent
    what.chmod({"file": 0, "read-only file": 0o400, "directory": 0o500}[forbidden])
    try:
        said = refusal(path, preexec_fn=without_privileges)
    finally:
        what.chmod(0o700)
    assert "owner" in said and "mode" in said


def test_a_name_that_is_not_utf_8(new_server, tmp_path):
    path = os.fsencode(tmp_path) + b"/j\xff.redb"
    new_server(journal=os.fsdecode(path))
    assert set(os.listdir(os.fsencode(tmp_path))) == {b"j\xff.redb", b"j\xff.redb.admin-token"}


def test_it_does_not_grow_without_bounds(new_server, make, tmp_path):
    """Jobs that come and go leave their room to the next ones."""
    path = tmp_path / "jobs.redb"
    server = new_server("--retention-s", "1", journal=path)
    sizes = []
    for _ in range(4):
        with Client(server) as client:
            ids = client.submit_many(["x" * 10_000] * 200)
            for id in ids:
                client.heard("accepted", id=id)
            with Serving(server, lambda job: b"1", slots=50):
                for id in ids:
                    client.result(id)
        sizes.append(path.stat().st_size)
    assert sizes[-1] < 2 * sizes[0] + 1e6, sizes
