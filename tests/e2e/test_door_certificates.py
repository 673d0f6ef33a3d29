"""With --link-ca, a door believes nobody but those whom that authority vouches for."""

import pytest

from harness import Client, Serving, run_acequia
from harness.certificates import Authority
from harness.door import TOKEN, Owner
from harness.tls_server import TlsServer

REFUSED = "no link to"


class TlsOwner(TlsServer, Owner):
    """An owner with a certificate, that clients speak to by TLS too."""


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def new_tls_owner(authority, tmp_path):
    owners = []

    def start(**certificate):
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        for file, text in zip((cert, key), authority.issue(**certificate), strict=True):
            file.write_bytes(text)
        owners.append(TlsOwner(authority, "--tls-cert", cert, "--tls-key", key))
        return owners[-1]

    yield start
    for owner in owners:
        owner.check_log()


@pytest.fixture
def owner(new_tls_owner):
    owner = new_tls_owner()
    yield owner
    owner.check()


def ca_file(folder, authority):
    file = folder / "ca.pem"
    file.write_bytes(authority.pem)
    return ["--link-ca", file]


def jobs_are_done(door, make):
    make(Serving(door))
    client = make(Client(door))
    assert client.result(client.submit("text")) == "text"


def test_the_authority_of_the_owner(owner, new_door, authority, make, tmp_path):
    jobs_are_done(new_door(owner, flags=ca_file(tmp_path, authority)), make)


def test_by_name(owner, new_door, authority, make, tmp_path):
    link = f"localhost:{owner.link.rpartition(':')[2]}"
    jobs_are_done(new_door(link, flags=ca_file(tmp_path, authority)), make)


def test_without_one_the_token_will_do(owner, new_door, make):
    jobs_are_done(new_door(owner), make)


def test_another_authority(owner, new_door, tmp_path):
    door = new_door(owner, flags=ca_file(tmp_path, Authority("another")), linked=False)
    said = door.process.line(lambda line: REFUSED in line, of="stderr")
    assert owner.link in said and "--link-ca" in said, said
    assert door.process.alive and not door.process.stdout
    assert owner.metric("acequia_links") == 0


@pytest.mark.parametrize("of", [{"hosts": ["jobs.example"], "addresses": []}, {"days": -1}])
def test_a_certificate_that_does_not_hold(new_tls_owner, new_door, authority, tmp_path, of):
    owner = new_tls_owner(**of)
    door = new_door(owner, flags=ca_file(tmp_path, authority), linked=False)
    said = door.process.line(lambda line: REFUSED in line, of="stderr")
    assert owner.link in said and "certificate" in said, said
    assert door.process.alive and not door.process.stdout


def test_an_owner_that_made_its_own(new_owner, new_door, authority, tmp_path):
    owner = new_owner()
    door = new_door(owner, flags=ca_file(tmp_path, authority), linked=False)
    said = door.process.line(lambda line: REFUSED in line, of="stderr")
    assert owner.link in said and "--link-ca" in said, said


@pytest.mark.parametrize("content", [None, "", "nonsense"])
def test_files_that_hold_no_authority(tmp_path, content):
    file = tmp_path / "authority"
    if content is not None:
        file.write_text(content)
    code, out, said = run_acequia("door", "--link", "127.0.0.1:1", "--cluster-token-file", TOKEN, "--link-ca", file)
    assert code == 1 and not out and str(file) in said and "--link-ca" in said, said
