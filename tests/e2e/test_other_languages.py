"""The workers of docs/workers-in-other-languages.md, built and started as it says."""

import re
import signal

import pytest

from harness import Client, Server
from harness.documents import Reader
from harness.server import ROOT

DOCUMENT = "docs/workers-in-other-languages.md"
# For each language, the files to save; `LANGUAGE-build.sh`, if there is one, builds, `LANGUAGE.sh` starts.
FILES = {
    "ruby": ["worker.rb"],
    "perl": ["worker.pl"],
    "go": ["worker.go", "zmq.go"],
    "java": ["Worker.java", "classpath"],
    "c": ["worker.c"],
}
TOKEN = "fair shares of water for all of us"
LEASE_S = 4


def printed():
    return (ROOT / DOCUMENT).read_text()


class Language(Reader):
    """Somebody who wants a worker in one language."""

    def __init__(self, name, folder):
        super().__init__(DOCUMENT, None, folder)
        self.name = name
        for file in FILES[name]:
            self.save(file)
        if f"<!-- sample: {name}-build.sh -->" in printed():
            self.run(f"{name}-build.sh")

    def worker(self, server, *, slots=1, **env):
        return self.start(f"{self.name}.sh", env={
            "ACEQUIA_JOBS": server.jobs, "ACEQUIA_RESULTS": server.results, "ACEQUIA_SLOTS": str(slots), **env,
        })


@pytest.fixture(scope="module")
def languages(tmp_path_factory):
    """All of them; each is built once."""
    return {name: Language(name, tmp_path_factory.mktemp(name)) for name in FILES}


@pytest.fixture(params=FILES)
def language(request, languages):
    return languages[request.param]


def works(client):
    assert client.result(client.submit("fair shares\n", queue="upper")) == "FAIR SHARES\n"


def test_all_that_is_printed_is_tried():
    """But for what the page says is not."""
    tried = {name for files in FILES.values() for name in files}
    tried |= {f"{name}{suffix}" for name in FILES for suffix in (".sh", "-build.sh")}
    assert set(re.findall(r"<!-- sample: (\S+) -->", printed())) <= tried


def test_its_packages_are_those_of_the_tests():
    installed = set(re.findall(r"[\w.-]+", (ROOT / "tests/run").read_text()))
    told = re.findall(r"apt-get install (.*)", printed())
    assert len(told) == len(FILES)
    assert {package for line in told for package in line.split()} <= installed


def test_it_works_and_what_fails_has_a_reason(new_server, make, tmp_path, language):
    """With a token, which it reads from a file without the white space around it."""
    file = tmp_path / "token"
    file.write_text(f" {TOKEN}\n\n")
    server = new_server("--worker-token-file", file)
    language.worker(server, ACEQUIA_WORKER_TOKEN_FILE=str(file))
    client = make(Client(server))
    for _ in range(2):
        works(client)
        failed = client.outcome(client.submit("soon", queue="sleep"))
        assert (failed["ev"], failed["code"]) == ("failed", "worker_error")
        assert failed["message"]


def test_it_outlives_its_server(language):
    server = Server.on_quiet_ports()
    worker = language.worker(server)
    with Client(server) as client:
        works(client)
        client.heard("started", id=client.submit(100, queue="sleep"))
    server.crash()
    with Client(server) as client:
        works(client)
    server.check()
    server.kill()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_it_ends_when_it_has_done_what_it_holds(server, client, language):
    worker = language.worker(server)
    held, waits = client.submit(1_000, queue="sleep"), client.submit("later", queue="upper")
    client.heard("started", id=held)
    worker.signal(signal.SIGTERM)
    assert client.result(held) == 1_000
    assert worker.wait() == 0
    client.barrier()
    assert client.names(waits) == ["accepted"]


def test_a_cancelled_job_frees_its_slot(server, client, language):
    language.worker(server, slots=2)
    first, second = client.submit_many([600_000] * 2, queue="sleep")
    client.heard("started", id=first)
    client.heard("started", id=second)
    waits = client.submit("hello", queue="upper")
    client.cancel(first)
    assert client.result(waits) == "HELLO"
    assert client.outcome(first)["ev"] == "cancelled"
    client.cancel(second)
    assert client.result(client.submit("world", queue="upper")) == "WORLD"


def test_they_beat_while_they_work(new_server, make, languages):
    """All at one time: it is a test of what happens while nothing is said."""
    server = new_server("--lease-s", str(LEASE_S))
    client = make(Client(server))
    workers = {name: language.worker(server) for name, language in languages.items()}
    server.wait_workers(len(workers))
    for id in client.submit_many([(LEASE_S + 1) * 1_000] * len(workers), queue="sleep"):
        assert client.outcome(id)["ev"] == "done"
        assert "retrying" not in client.names(id)
    # And it is because they beat that nothing was lost.
    held = client.submit_many([600_000] * len(workers), queue="sleep")
    runs = {id: client.heard("started", id=id)["worker"].split("-")[0] for id in held}
    assert sorted(runs.values()) == sorted(workers)
    for worker in workers.values():
        worker.signal(signal.SIGSTOP)
    for id, name in runs.items():
        assert client.heard("retrying", id=id)["code"] == "worker_lost", name
        client.cancel(id)
        assert client.outcome(id)["ev"] == "cancelled"
    # They answer for what was taken from them.
    for worker in workers.values():
        worker.signal(signal.SIGCONT)
    server.wait_metric("acequia_worker_messages_dropped_total", len(workers), reason="late")
