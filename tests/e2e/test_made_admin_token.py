"""A server that was given no admin token makes one, and admin calls without it are nobody's."""

import json
import os
import re
import stat
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

import pytest

from harness import Admin, Client, Server, run_acequia
from harness.prefixed import Prefixed
from harness.server import FREE, refused_to_serve

HEADERS = [
    {}, {"Host": "127.0.0.1:8080"}, {"Host": "localhost"}, {"X-Forwarded-For": "192.0.2.7"},
    {"Origin": "http://127.0.0.1:8080", "Host": "127.0.0.1:8080"}, {"Authorization": "Bearer " + "0" * 64},
]


def beside(journal):
    return Path(f"{journal}.admin-token")


@pytest.mark.parametrize("headers", HEADERS)
def test_whatever_a_proxy_says_or_does_not(server, headers):
    status, answered, text = server.request("POST", "/v1/admin/queues/default/pause", headers)
    assert status == 401 and answered["www-authenticate"].startswith("Bearer ")
    said = json.loads(text)["message"]
    assert "--admin-token-file" in said and ".admin-token" in said
    assert server.get("/v1/admin/queues", server.operator())[2] == '{"queues":[],"next":null}'
    server.process.line(lambda line: "WARN" in line and "admin token" in line and "127.0.0.1" in line, of="stderr")


def test_it_is_kept_beside_the_journal_and_is_its_owners_alone(new_server, make, tmp_path):
    journal = tmp_path / "jobs.redb"
    server = new_server(journal=journal)
    token = beside(journal).read_text().strip()
    assert re.fullmatch("[0-9a-f]{64}", token)
    assert stat.S_IMODE(beside(journal).stat().st_mode) == 0o600
    assert server.admin_token() == token
    admin = make(Admin(server, token))
    assert admin.get("server")["journal"]["kind"] == "file"
    server.crash()
    assert beside(journal).read_text().strip() == token == server.admin_token()


def test_without_a_journal_each_start_has_its_own(server, make):
    first = server.admin_token()
    assert server.stop() == 0
    assert server.admin_token() is None, "it is taken away"
    server.start_again()
    assert server.admin_token() not in (None, first)
    assert make(Admin(server)).get("queues") == {"queues": [], "next": None}


@pytest.mark.parametrize("put, why", [
    (lambda path: path.write_text("0" * 64), "read by others"),
    (lambda path: path.symlink_to("/etc/hostname"), "symbolic link"),
    (lambda path: path.mkdir(), "no file"),
    (lambda path: os.close(os.open(path, os.O_CREAT, 0o600)), "0 bytes"),
])
def test_one_that_others_may_know_is_refused(tmp_path, put, why):
    journal = tmp_path / "jobs.redb"
    put(beside(journal))
    said = refused_to_serve(*FREE[:-2], "--journal", journal)
    assert why in said and str(beside(journal)) in said


def test_the_address_that_it_prints(new_server, tmp_path):
    server = new_server("--admin-listen", "127.0.0.1:0")
    own = server.process.line(lambda line: line.startswith("acequia ready ")).split(" admin=")[1]
    server.process.line(lambda line: line.startswith(f"dashboard: http://{own}/dashboard#token="), of="stderr")
    assert not any("token" in line for line in server.process.stdout)
    # Nowhere that goes further than to the person who sits there.
    given = tmp_path / "token"
    given.write_text("0" * 64)
    for quiet in (Server("--log-format", "json"), Server(env={"JOURNAL_STREAM": "8:1"}),
                  Server("--log", "warn"), Server("--admin-token-file", given)):
        quiet.check()
        assert not any("#token" in line for line in quiet.process.stderr)


def test_commands_of_the_same_user_find_it(server):
    where = f"http://{server.http}"
    code, out, said = run_acequia("top", "--once", "--server", where)
    assert code == 0 and out.startswith(b"acequia "), said
    # One that was killed has left a file that is nobody's any more.
    old = server.admin_token()
    server.kill()
    assert server.admin_token() == old
    code, _, said = run_acequia("top", "--once", "--server", where)
    assert code == 1 and "no server answers" in said
    server.start_again()
    assert run_acequia("top", "--once", "--server", where)[0] == 0


def test_a_folder_that_is_not_this_users_alone_is_not_used(new_server, tmp_path):
    runtime = tmp_path / "runtime"
    (runtime / "acequia").mkdir(parents=True)
    (runtime / "acequia").chmod(0o755)
    shared = tmp_path / f"acequia-{os.getuid()}"
    shared.symlink_to(runtime)
    # The gate's own folders are in that of temporary files, too.
    server = new_server(env={"XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(tmp_path)})
    server.process.line(lambda line: "WARN" in line and "0700" in line and "--admin-token-file" in line, of="stderr")
    assert not list((runtime / "acequia").iterdir())


def test_below_a_path_pages_find_their_files_and_clients_their_server(server, make, new_serving):
    prefixed = make(Prefixed(server.http, "/acequia"))
    below = f"http://{prefixed.http}/acequia"
    for path in ("/dashboard", "/"):
        with urllib.request.urlopen(below + path, timeout=30) as page:
            links = re.findall(r'(?:href|src)="([^"#]+)"', page.read().decode())
        own = [urljoin(below + path, link) for link in links if ":" not in link]
        assert own
        for link in own:
            assert link.startswith(below), link
            with urllib.request.urlopen(link, timeout=30) as file:
                assert file.status == 200
    new_serving()
    client = make(Client(server, uri=f"ws://{prefixed.http}/acequia/v1/ws"))
    assert client.result(client.submit("one")) == "one"
    code, out, said = run_acequia("submit", "--server", below, stdin=b"two")
    assert (code, out) == (0, b"two"), said
    assert not prefixed.missed
