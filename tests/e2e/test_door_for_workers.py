"""A door beside the workers, without HTTP: what they say, who dial this machine, goes encrypted to the server."""

import contextlib
import secrets
import socket

import pytest

from harness import Client, Serving, Worker, acequia
from harness.door import TOKEN, address_of, token_file
from harness.process import Process
from harness.recording_proxy import RecordingProxy
from harness.server import clean_env


def told(process, *words):
    """Waits for a line of its log that has all of these words."""
    return process.line(lambda line: all(word in line for word in words), of="stderr")


def test_it_says_its_two_ports(new_owner, new_door):
    door = new_door(new_owner(), for_workers=True)
    assert door.process.stdout == [f"acequia ready jobs={door.jobs} results={door.results}"]


def test_what_passes_the_link_is_read_by_nobody(new_owner, new_door, make):
    """The same is found where a worker speaks to its door: there it is not encrypted."""
    owner = new_owner()
    link = make(RecordingProxy(address_of(owner.link)))
    door = new_door(link.address, for_workers=True)
    ports = [make(RecordingProxy(door.address(port))) for port in ("jobs", "results")]

    class Near:
        jobs, results = (f"tcp://{port.address}" for port in ports)

    queue, payload, result, name = (f"{what}-{secrets.token_hex(8)}" for what in ("queue", "payload", "result", "name"))
    worker = make(Worker(Near, queues=[queue], name=name))
    client = make(Client(owner))
    for _ in range(3):
        id = client.submit(payload, queue=queue)
        job = worker.job()
        worker.progress(job, note=payload)
        worker.done(job, f'"{result}"'.encode())
        assert client.result(id) == result
    words = [word.encode() for word in (queue, payload, result, name)]
    near, far = b"".join(port.passed() for port in ports), link.passed()
    assert all(word in near for word in words)
    assert len(far) > 1000
    assert not [word for word in (*words, TOKEN.read_bytes(), bytes.fromhex(TOKEN.read_text())) if word in far]


def test_workers_by_socket_files(new_owner, new_door, make, tmp_path):
    owner = new_owner()
    door = new_door(owner, for_workers=True, jobs=f"ipc://{tmp_path}/jobs", results=f"ipc://{tmp_path}/results")
    make(Serving(door))
    client = make(Client(owner))
    assert client.result(client.submit("text")) == "text"


def test_the_worker_token_is_the_doors(new_owner, new_door, make):
    """Workers prove themselves where they come in, and nothing of that goes on."""
    owner, token = new_owner(), token_file()
    door = new_door(owner, flags=["--worker-token-file", token], for_workers=True)
    stranger = make(Worker(door, ready=False))
    stranger.ready()
    told(door.process, "turned away", "no_auth")
    command = [acequia(), "worker", "--jobs", door.jobs, "--results", door.results, "--token-file", token, "--", "cat"]
    Process(command, name="worker", env=clean_env())
    owner.wait_workers(1)
    client = make(Client(owner))
    assert client.result(client.submit("text")) == "text"


def test_a_wrong_token_is_refused_and_said(new_owner, new_door, make):
    owner = new_owner()
    right = new_door(owner)
    wrong = new_door(owner, token=token_file(), linked=False, for_workers=True)
    said = told(wrong.process, "WARN", owner.link)
    assert "--cluster-token-file" in said, said
    told(owner.process, "WARN", "a door is turned away", "token")
    # It goes on trying, and that fills no log.
    make(Serving(right))
    client = make(Client(right))
    assert client.result(client.submit("text")) == "text"
    assert wrong.process.alive and not wrong.process.stdout
    for process in (owner.process, wrong.process):
        assert len([line for line in process.stderr if "WARN" in line]) == 1
    assert owner.metric("acequia_links") == 1


def test_it_waits_for_a_server_that_is_not_there_yet(new_owner, new_door, make):
    owner = new_owner()
    owner.kill()
    door = new_door(owner, linked=False, for_workers=True)
    told(door.process, "WARN", owner.link, "refused")
    assert not door.process.stdout
    owner.start_again()
    door.wait_ready()
    make(Serving(door))
    client = make(Client(owner))
    assert client.result(client.submit("text")) == "text"


RUBBISH = {
    "nothing": b"",
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zmtp": b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03",
    "noise": bytes(range(256)) * 64,
    "half of a hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
}


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_who_speaks_something_else_disturbs_nobody(new_owner, new_door, make, rubbish):
    owner = new_owner()
    door = new_door(owner)
    make(Serving(door))
    client = make(Client(door))
    strangers = [make(socket.create_connection(address_of(owner.link), 30)) for _ in range(100)]
    for stranger in strangers:
        stranger.sendall(RUBBISH[rubbish])
    assert client.result(client.submit("text")) == "text"
    # They are shown out.
    for stranger in strangers:
        with contextlib.suppress(ConnectionResetError):
            while stranger.recv(1 << 16):
                pass
    assert client.result(client.submit("text")) == "text"
    assert owner.metric("acequia_links") == 1
    assert len([line for line in owner.process.stderr if "a door is turned away" in line]) == 1
