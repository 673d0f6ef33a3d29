"""Doors and owners that are told something wrong say what, and do not start; or find nobody, and say that."""

import pytest

from harness import Client, Serving, run_acequia
from harness.door import TOKEN, token_file
from harness.server import starts_not


def opens_not(*flags, codes=(1, 2), jobs="tcp://127.0.0.1:0"):
    """Runs a door that must not start; returns what it says."""
    code, out, said = run_acequia("door", "--jobs", jobs, "--results", "tcp://127.0.0.1:0", *flags, patience_s=10)
    assert code in codes and not out and "panicked" not in said, (code, out, said)
    return said


@pytest.mark.parametrize("link", ["nonsense", "", ",127.0.0.1:1", "127.0.0.1:1,somewhere", "127.0.0.1:70000"])
def test_an_address_that_is_none(link):
    said = opens_not("--link", link, "--cluster-token-file", TOKEN)
    assert "--link" in said and "HOST:PORT" in said, said


def test_what_it_cannot_be_without():
    assert "--link" in opens_not("--cluster-token-file", TOKEN, codes=[2])
    assert "--cluster-token-file" in opens_not("--link", "127.0.0.1:1", codes=[2])


@pytest.mark.parametrize("text, says", [("", "0 bytes"), ("short\n", "5 bytes"), ("x" * 31, "31 bytes")])
def test_a_token_that_can_be_guessed(text, says):
    file = token_file(text)
    for said in (opens_not("--link", "127.0.0.1:1", "--cluster-token-file", file),
                 starts_not("--link-listen", "127.0.0.1:0", "--cluster-token-file", file)):
        assert all(word in said for word in ("--cluster-token-file", str(file), says, "32", "openssl rand")), said


def test_a_token_that_is_not_there(tmp_path):
    file = tmp_path / "none"
    for said in (opens_not("--link", "127.0.0.1:1", "--cluster-token-file", file),
                 starts_not("--link-listen", "127.0.0.1:0", "--cluster-token-file", file)):
        assert "--cluster-token-file" in said and str(file) in said, said


def test_an_owner_without_a_token():
    said = starts_not("--link-listen", "127.0.0.1:0")
    assert "--link-listen" in said and "--cluster-token-file" in said and "openssl rand" in said, said


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1"])
def test_an_owner_that_cannot_listen(listen):
    said = starts_not("--link-listen", listen, "--cluster-token-file", TOKEN)
    assert listen in said and "HOST:PORT" in said, said


def test_a_port_that_is_taken(new_owner):
    owner = new_owner()
    said = starts_not("--link-listen", owner.link, "--cluster-token-file", TOKEN)
    assert owner.link in said and "in use" in said, said


@pytest.mark.parametrize("flags, named", [
    (["--admin-listen", "127.0.0.1:0"], "--admin-listen"),
    (["--tls-cert", "cert.pem"], "--tls-key"),
    (["--journal", "none"], "--journal"),
    (["--retention-s", "1"], "--retention-s"),
])
def test_flags_that_are_not_for_it(flags, named):
    assert named in opens_not("--link", "127.0.0.1:1", "--cluster-token-file", TOKEN, *flags)


def test_workers_from_elsewhere_have_to_prove_themselves():
    said = opens_not("--link", "127.0.0.1:1", "--cluster-token-file", TOKEN, jobs="tcp://0.0.0.0:0")
    assert "--worker-token-file" in said, said


@pytest.mark.parametrize("port", ["http", "jobs", "results"])
def test_a_port_that_is_for_others(new_owner, new_door, make, port):
    """The server's own, but not the one for doors."""
    owner = new_owner()
    host, number = owner.address(port)
    door = new_door(f"{host}:{number}", linked=False, for_workers=True)
    door.process.line(lambda line: "WARN" in line and f"{host}:{number}" in line and "TLS" in line, of="stderr")
    assert door.process.alive and not door.process.stdout
    make(Serving(owner))
    client = make(Client(owner))
    assert client.result(client.submit("text")) == "text"


def test_one_that_is_stopped_before_it_found_anybody(new_owner, new_door):
    owner = new_owner()
    owner.kill()
    door = new_door(owner, linked=False)
    door.process.line(lambda line: "WARN" in line and owner.link in line, of="stderr")
    assert door.stop() == 0
    assert not door.process.stdout
