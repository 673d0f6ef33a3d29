"""Operators at a door: admin calls, the live stream, `top` and `pool` are about the whole, with the owner's token."""

import json
import sys
from pathlib import Path

import pytest

from harness import Admin, Client, Worker, eventually, run_acequia
from harness.pool import Pool
from harness.terminal import Terminal

POOLED = Path(__file__).with_name("pooled_worker.py")


@pytest.fixture
def operators(new_owner, new_door, tmp_path):
    """An owner and two doors, and a file with the admin token."""
    file = tmp_path / "admin-token"
    file.touch(0o600)
    file.write_text("an-admin-token-of-more-than-thirty-two-bytes")
    owner = new_owner("--admin-token-file", file)
    return owner, new_door(owner), new_door(owner), file


def admin_at(server, file, make):
    return make(Admin(server, file.read_text()))


def test_admin_calls_at_any_door(operators, make):
    owner, here, there, file = operators
    client, worker = make(Client(there)), make(Worker(there, name="far", slots=1))
    ids = [client.submit(nth) for nth in range(2)]
    client.accepted(ids)
    job = worker.job()
    at_door, at_owner = admin_at(here, file, make), admin_at(owner, file, make)
    (queue,) = at_door.get("queues")["queues"]
    assert (queue["queue"], queue["waiting"], queue["slots_busy"]) == ("default", 1, 1)
    (told,) = at_door.get("workers")["workers"]
    assert told["name"] == "far" and [run["job"] for run in told["jobs"]] == [job.name]
    # By the address that the worker dialled from, not by that of its door.
    assert told["address"] == next(iter(at_owner.get("workers")["workers"]))["address"]
    assert at_door.job(job.name)["state"] == "running"
    at_door.do("POST", "queues/default/pause")
    assert at_owner.get("queues")["queues"][0]["paused"] is True
    worker.fail(job, code="no_luck", retry=False)
    assert client.outcome(ids[0])["code"] == "no_luck"
    at_door.do("POST", "queues/default/resume")
    worker.done(worker.job(), b"1")
    assert client.result(ids[1]) == 1
    (letter,), _ = at_door.dead_letters()
    assert letter["job"] == job.name
    at_door.do("POST", f"dead-letters/{job.name}/redrive")
    again = worker.job()
    worker.done(again, again.body)
    assert at_door.ended(again.name)["state"] == "done"


def test_a_worker_of_another_door_is_drained(operators, make):
    owner, here, there, file = operators
    admin, worker = admin_at(here, file, make), make(Worker(there))
    owner.wait_workers(1)
    (told,) = admin.get("workers")["workers"]
    admin.do("POST", f"workers/{told['worker']}/drain")
    worker.expect("bye")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_nobody_else_makes_them(operators, headers):
    owner, here, _, _ = operators
    status, _, said = here.request("POST", "/v1/admin/queues/default/pause", headers)
    assert status == 401, said


def test_the_live_stream(operators, make):
    owner, here, there, file = operators
    headers = {"Authorization": f"Bearer {file.read_text()}"}
    status, answered, text = here.get("/v1/admin/live?ticks=1", headers)
    assert status == 200 and answered["content-type"] == "text/event-stream"
    names = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("event")]
    assert names == ["history", "now", "tick"]
    client = make(Client(there))
    client.accepted([client.submit(1)])
    data = [json.loads(line.partition(": ")[2]) for line in
            here.get("/v1/admin/live?ticks=0", headers)[2].splitlines() if line.startswith("data")]
    assert data[1]["server"]["live_jobs"] == 1


def test_the_dashboard_is_there(operators):
    _, here, _, _ = operators
    status, headers, text = here.get("/dashboard")
    assert status == 200 and "html" in headers["content-type"] and "dashboard" in text.lower()


def test_a_port_for_operators(new_owner, new_door, make):
    owner = new_owner()
    door = new_door(owner, flags=["--admin-listen", "127.0.0.1:0"])
    assert door.admin and door.admin != door.http
    status, _, text = door.get("/v1/admin/queues", owner.operator())
    assert status == 404 and "--admin-listen" in text
    door.http, clients = door.admin, door.http
    assert make(Admin(door, owner.admin_token())).get("queues")["queues"] == []
    assert door.get("/v1/ws")[0] == 404
    door.http = clients


def test_top_at_a_door(operators, make):
    owner, here, there, file = operators
    flags = ["--server", f"http://{here.http}", "--admin-token-file", file]
    client, worker = make(Client(there)), make(Worker(there, name="painter", queues=["red"]))
    client.accepted([client.submit(1, queue="red"), client.submit(2, queue="red")])
    job = worker.job()
    code, out, said = run_acequia("top", *flags, "--once")
    assert code == 0 and b"red" in out and b"painter" in out, (out, said)
    terminal = make(Terminal("top", *flags))
    assert terminal.line("red", " 1/1 ")
    worker.done(job, b"1")
    worker.done(worker.job(), b"1")
    terminal.line("jobs 0 (")
    terminal.press("q")
    assert terminal.wait() == 0


def test_a_pool_at_a_door(operators, make, tmp_path):
    """It asks the door how much there is to do, and its workers come to that door."""
    owner, here, there, file = operators
    ran = tmp_path / "runs"
    ran.touch()
    admin, client = admin_at(here, file, make), make(Client(there))
    pool = Pool(here, admin, "--admin-token-file", file, "--max", "3", "--idle-s", "1", "--",
                sys.executable, POOLED, ran)
    eventually(pool.report, "its report")
    ids = [client.submit(20) for _ in range(60)]
    pool.wait_processes(3)
    eventually(lambda: here.metric("acequia_door_workers") == 3, "its workers at the door")
    assert there.metric("acequia_door_workers") == 0
    client.outcomes(60)
    assert all(client.outcome(id)["ev"] == "done" for id in ids)
    pool.wait_processes(0)
    assert len(ran.read_text().split()) == 60
    assert pool.stop() == 0


def test_what_a_door_counts(doors, make):
    """Whoever is there, whether it is linked, and whom it turned away; jobs are counted by the owner."""
    owner, here, there = doors
    client, _ = make(Client(here)), make(Worker(here))
    client.accepted([client.submit(1, queue="nobody")])
    owner.wait_workers(1)
    for door, count in ((here, 1), (there, 0)):
        assert door.metric("acequia_door_linked") == 1
        assert (door.metric("acequia_door_sessions"), door.metric("acequia_door_workers")) == (count, count)
        names = {name for name, _ in door.metrics()}
        assert not [name for name in names if name.startswith(("acequia_jobs", "acequia_queue", "acequia_journal"))]
    assert (owner.metric("acequia_sessions"), owner.metric("acequia_links")) == (1, 2)
    before = owner.metric("acequia_link_calls")
    assert here.get("/v1/jobs/none")[0] == 400
    assert owner.metric("acequia_link_calls") >= before
    assert here.get("/v1/ws", {"Origin": "https://evil.example"})[0] == 403
    assert here.metric("acequia_http_refused_total", reason="origin") == 1
    assert owner.total("acequia_http_refused_total") == 0
