"""What an operator sees of queues, workers, jobs and pools, and what he can do with them."""

import signal

import pytest

from harness import Admin, Client, Process, Worker, eventually
from harness.server import acequia, starts_not

QUEUES = ["blue", "green", "red"]


def is_refused(answer, status, code, *words):
    """That a call was refused, with a message that names what is wrong."""
    assert answer[0] == status and answer[1]["code"] == code, answer
    for word in words:
        assert word in answer[1]["message"], answer


def test_the_server_tells_of_itself(server, client, new_worker, admin):
    new_worker(slots=3, name="w")
    client.accepted([client.submit("x"), client.submit("x", queue="nobody")])
    said = admin.get("server")
    assert said["version"] and said["http"] == server.http
    assert (said["jobs"], said["results"]) == (server.jobs, server.results)
    assert (said["state"], said["why"]) == ("ready", None)
    assert (said["sessions"], said["live_jobs"], said["payload_bytes"]) == (1, 2, 6)
    assert (said["workers"], said["slots"], said["slots_busy"]) == (1, 3, 1)
    assert said["journal"]["kind"] == "none" and said["journal"]["writable"] is True
    assert said["limits"]["payload_bytes"] == 1 << 20
    again = eventually(lambda: admin.get("server")["uptime_ms"] > said["uptime_ms"], "time passes")
    assert again


def test_a_queue_tells_what_waits_and_who_serves_it(client, new_worker, admin):
    worker = new_worker(slots=2, queues=["red"])
    ids = [client.submit(n, queue="red") for n in range(3)]
    client.accepted([*ids, client.submit("later", queue="red", delay_ms=600_000)])
    red = admin.get("queues/red")
    assert (red["waiting"], red["running"], red["delayed"]) == (1, 2, 1)
    assert (red["slots"], red["slots_busy"], red["paused"]) == (2, 2, False)
    assert red["oldest_ms"] >= 0 and red["dead_letters"] == 0
    worker.fail(worker.job(), retry=False)
    client.outcome(ids[0])
    assert admin.get("queues/red")["dead_letters"] == 1
    is_refused(admin.call("GET", "queues/none"), 404, "not_found", "none")
    is_refused(admin.call("GET", "queues/two%20words"), 400, "bad_request", "two words")


def test_what_a_queue_did_lately(client, new_serving, admin):
    new_serving()
    for n in range(20):
        client.result(client.submit(n))
    recent = eventually(lambda: admin.get("queues/default")["recent"] if
                        admin.get("queues/default")["recent"]["done"] == 20 else None, "the end of an interval")
    assert (recent["submitted"], recent["failed"], recent["cancelled"]) == (20, 0, 0)
    assert 0 < recent["seconds"] <= 10
    for what in ("waiting", "running"):
        assert 0 <= recent[f"{what}_p50_ms"] <= recent[f"{what}_p99_ms"] < 60_000


def test_queues_come_by_name_and_page_by_page(client, admin):
    client.accepted([client.submit("x", queue=queue) for queue in reversed(QUEUES)])
    assert [queue["queue"] for queue in admin.pages("queues", "queues", 2)] == QUEUES
    assert admin.get("queues", limit=3)["next"] is None
    is_refused(admin.call("GET", "queues", limit=0), 400, "bad_request", "limit", "1 to 1000")
    is_refused(admin.call("GET", "queues", colour="red"), 400, "bad_request", "colour")


def test_a_paused_queue_keeps_its_jobs_until_it_is_resumed(client, new_worker, admin):
    worker = new_worker(slots=2)
    running = client.submit("before")
    first = worker.job()
    assert admin.do("POST", "queues/default/pause")["paused"] is True
    waiting = client.submit("after")
    client.accepted([waiting])
    worker.done(first, b"1")
    client.result(running)
    known = admin.get("queues/default")
    assert (known["waiting"], known["paused"], known["slots_busy"]) == (1, True, 0)
    assert not worker.at_hand()
    assert admin.do("POST", "queues/default/resume")["paused"] is False
    worker.done(worker.job(), b"1")
    client.result(waiting)


def test_a_queue_stays_paused_over_kill_9_of_the_server(new_server, tmp_path):
    server = new_server(quiet_ports=True, journal=tmp_path / "jobs.redb")
    admin = Admin(server)
    admin.do("POST", "queues/red/pause")
    admin.do("POST", "queues/blue/pause")
    admin.do("POST", "queues/blue/resume")
    with Client(server) as client:
        client.accepted([client.submit("x", queue="red")])
    server.wait_written()
    server.crash()
    assert [queue["queue"] for queue in admin.get("queues")["queues"] if queue["paused"]] == ["red"]
    with Worker(server, queues=["red"]) as worker:
        server.wait_workers(1)
        assert admin.get("queues/red")["waiting"] == 1
        admin.do("POST", "queues/red/resume")
        worker.done(worker.job(), b"1")
    admin.close()


def test_a_worker_tells_what_it_holds(client, new_worker, admin):
    worker = new_worker(name="painter", slots=2, queues=["red", "blue"])
    id = client.submit("x", queue="red")
    job = worker.job()
    client.heard("started", id=id)
    (told,) = admin.get("workers")["workers"]
    assert (told["name"], told["queues"], told["slots"], told["busy"]) == ("painter", ["blue", "red"], 2, 1)
    assert (told["state"], told["pid"]) == ("ready", None)
    host, _, port = told["address"].rpartition(":")
    assert host == "127.0.0.1" and int(port) > 0
    (run,) = told["jobs"]
    assert (run["job"], run["queue"], run["attempt"]) == (job.name, "red", 1)
    assert told["since_ms"] <= run["since_ms"]
    worker.done(job, b"1")
    client.result(id)
    client.submit("x", queue="blue")
    worker.fail(worker.job(), retry=False)
    told = eventually(lambda: [w for w in admin.get("workers")["workers"] if w["failed"]], "the failure")[0]
    assert (told["done"], told["failed"], told["busy"], told["jobs"]) == (1, 1, 0, [])
    assert admin.get(f"workers/{told['worker']}") == told


def test_workers_come_page_by_page_and_by_queue(new_worker, admin, server):
    for n in range(5):
        new_worker(name=f"w{n}", queues=["red" if n % 2 else "blue"])
    server.wait_workers(5)
    numbers = [worker["worker"] for worker in admin.pages("workers", "workers", 2)]
    assert len(numbers) == 5 and numbers == sorted(numbers)
    assert {w["name"] for w in admin.pages("workers", "workers", 1, queue="red")} == {"w1", "w3"}
    assert admin.get("workers", queue="nobody")["workers"] == []
    is_refused(admin.call("GET", "workers/0"), 404, "not_found")
    is_refused(admin.call("GET", "workers/x"), 400, "bad_request", "number")


def test_a_drained_worker_gets_no_job_and_hears_bye(client, new_worker, admin, server):
    worker = new_worker(slots=2)
    id = client.submit("x")
    job = worker.job()
    (told,) = admin.get("workers")["workers"]
    drained = admin.do("POST", f"workers/{told['worker']}/drain")
    assert (drained["state"], drained["busy"]) == ("draining", 1)
    worker.expect("bye")
    waiting = client.submit("y")
    client.accepted([waiting])
    worker.done(job, b"1")
    client.result(id)
    assert admin.get("queues/default")["waiting"] == 1
    assert not worker.at_hand()
    worker.close()
    server.wait_workers(0)
    is_refused(admin.call("POST", f"workers/{told['worker']}/drain"), 404, "not_found")


def test_the_worker_command_stays_drained_until_it_is_stopped(server, client, admin):
    worker = Process([acequia(), "worker", "--jobs", server.jobs, "--results", server.results, "--", "cat"], name="w")
    server.wait_workers(1)
    (told,) = admin.get("workers")["workers"]
    admin.do("POST", f"workers/{told['worker']}/drain")
    worker.line(lambda line: "this worker is drained" in line, of="stderr")
    client.accepted([client.submit("x")])
    assert admin.get("queues/default")["waiting"] == 1
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_live_jobs_by_where_they_are(client, new_worker, admin):
    worker = new_worker(slots=2)
    running = [client.submit(n) for n in range(2)]
    waiting = [client.submit(n) for n in range(5)]
    delayed = [client.submit(n, queue="red", delay_ms=600_000 + n) for n in range(3)]
    other = [client.submit(n, queue="red") for n in range(2)]
    client.accepted([*running, *waiting, *delayed, *other])
    for job in (worker.job(), worker.job()):
        assert admin.job(job.name)["worker"]

    def ids(**query):
        found = admin.pages("jobs", "jobs", 2, **query)
        assert all(job["state"] == query["state"] for job in found)
        return [job["id"] for job in found]

    assert ids(state="running") == running
    assert ids(state="waiting", queue="default") == waiting
    assert ids(state="waiting") == waiting + other
    assert ids(state="delayed", queue="red") == delayed
    assert ids(state="delayed", queue="default") == []
    assert ids(state="waiting", queue="nobody") == []
    mine = admin.get("jobs", state="running")["jobs"][0]["client"]
    assert ids(state="waiting", client=mine) == waiting + other
    assert ids(state="waiting", client="1") == []
    is_refused(admin.call("GET", "jobs"), 400, "bad_request", "state")
    is_refused(admin.call("GET", "jobs", state="done"), 400, "bad_request", "done")
    is_refused(admin.call("GET", "jobs", state="waiting", after="x"), 400, "bad_request", "after")
    is_refused(admin.call("GET", "jobs", state="waiting", client="me"), 400, "bad_request", "client")


def test_pages_go_on_where_jobs_have_left(client, new_worker, admin):
    ids = [client.submit(n) for n in range(6)]
    client.accepted(ids)
    page = admin.get("jobs", state="waiting", limit=2)
    assert [job["id"] for job in page["jobs"]] == ids[:2]
    worker = new_worker(slots=3)
    for _ in range(3):
        worker.job()
    page = admin.get("jobs", state="waiting", limit=2, after=page["next"])
    assert [job["id"] for job in page["jobs"]] == ids[3:5]


def test_any_live_job_can_be_cancelled(client, new_worker, admin):
    worker = new_worker()
    running, waiting = client.submit("x"), client.submit("y")
    first = worker.job()
    names = client.accepted([running, waiting])
    for id, name in zip((waiting, running), reversed(names), strict=True):
        assert admin.do("POST", f"jobs/{name}/cancel") == {"job": name, "state": "cancelled"}
        assert client.outcome(id)["ev"] == "cancelled"
        is_refused(admin.call("POST", f"jobs/{name}/cancel"), 409, "has_ended", name)
    assert worker.expect("cancel").id == first.id
    unknown = "01890a5d-ac96-774b-bcce-b302099a8057"
    is_refused(admin.call("POST", f"jobs/{unknown}/cancel"), 404, "not_found")


REPORT = {"queues": ["default"], "min": 0, "max": 4, "processes": 2, "starting": 1, "stopping": 0,
          "failing": None, "host": "here", "pid": 17}


def test_a_pool_reports_itself_and_is_scaled(admin):
    assert admin.get("pools") == {"pools": []}
    assert admin.do("PUT", "pools/thumbs", REPORT) == {"min": 0, "max": 4}
    (told,) = admin.get("pools")["pools"]
    assert told.pop("reported_ms") > 1_600_000_000_000
    assert told == {"pool": "thumbs", **REPORT}
    assert admin.do("POST", "pools/thumbs/scale", {"min": 2})["min"] == 2
    assert admin.do("PUT", "pools/thumbs", REPORT) == {"min": 2, "max": 4}
    assert admin.get("pools")["pools"][0]["min"] == 2
    is_refused(admin.call("POST", "pools/thumbs/scale", {"max": 1}), 400, "bad_request", "min 2, max 1")
    is_refused(admin.call("POST", "pools/other/scale", {"max": 1}), 404, "not_found", "other")
    is_refused(admin.call("PUT", "pools/thumbs", {**REPORT, "pid": 18}), 409, "duplicate_id", "17", "--name")


@pytest.mark.parametrize("body, word", [
    ({}, "queues"), ({**REPORT, "colour": "red"}, "colour"), ({**REPORT, "max": -1}, "-1"), ([], "object"),
    ({**REPORT, "queues": ["two words"]}, "two words"), ({**REPORT, "max": 1001}, "1001"),
])
def test_what_is_no_report(admin, body, word):
    is_refused(admin.call("PUT", "pools/thumbs", body), 400, "bad_request", word)
    assert admin.get("pools") == {"pools": []}


def test_a_body_that_is_too_large(admin):
    status, said = admin.call("PUT", "pools/thumbs", {**REPORT, "failing": "x" * (64 << 10)})
    assert (status, said["code"]) == (413, "too_large"), said


def test_operators_may_have_a_port_of_their_own(new_server):
    server = new_server("--admin-listen", "127.0.0.1:0")
    ready = server.process.line(lambda line: line.startswith("acequia ready "))
    own = ready.split(" admin=")[1]
    assert own != server.http
    for path in ("/v1/admin/server", "/v1/admin/dead-letters"):
        status, _, text = server.get(path)
        assert status == 404 and "--admin-listen" in text
    assert server.get("/metrics")[0] == 200
    server.http, clients = own, server.http
    admin = Admin(server)
    assert admin.get("server")["http"] == clients
    assert server.get("/readyz")[0] == 200
    assert server.get("/v1/ws")[0] == 404, "clients have another"
    server.http = clients
    with Client(server) as client:
        client.barrier()
    admin.close()


def test_a_port_of_operators_that_is_taken(server):
    said = starts_not("--admin-listen", server.http)
    assert server.http in said and "--admin-listen" in said
