"""The samples of the manuals do what is said of them. What is for a browser is run by
tests/browser."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import Client, Process, Server, Worker, eventually
from harness.api import Api
from harness.documents import Reader, alike, on_ports_of, sample, shown
from harness.server import ROOT, quiet_port, quiet_ports

HTTP_API = "docs/http-api.md"
OPERATIONS = "docs/operations.md"
TUTORIAL = "docs/tutorial.md"
FRAMEWORKS = "docs/frameworks.md"
# Each block in one of these is something to do.
DOES = {"sh", "python", "php", "js", "html"}
TESTS = [Path(__file__), ROOT / "tests/browser/docs.test.js"]


@pytest.mark.parametrize("document", [HTTP_API, TUTORIAL])
def test_all_that_is_to_be_done_is_done_here(document):
    text = (ROOT / document).read_text()
    names = re.findall(r"<!-- sample: (\S+) -->", text)
    blocks = re.findall(r"^```(\w+)\n", text, re.MULTILINE)
    assert len(names) == sum(language in DOES for language in blocks)
    tests = "".join(path.read_text() for path in TESTS if path.exists())
    assert [name for name in names if f'"{name}"' not in tests and f"'{name}'" not in tests] == []


# Where a server listens that says no place itself.
FREE = {"ACEQUIA_LISTEN": "127.0.0.1:0", "ACEQUIA_JOBS": "tcp://127.0.0.1:0",
        "ACEQUIA_RESULTS": "tcp://127.0.0.1:0", "ACEQUIA_JOURNAL": "none"}


class Begun:
    """A server that a sample has begun."""

    def __init__(self, process):
        ready = process.line(lambda line: line.startswith("acequia ready "))
        said = dict(word.split("=", 1) for word in ready.split()[2:])
        self.http, self.jobs, self.results = said["http"], said["jobs"], said["results"]

    ws, address = Server.ws, Server.address


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def reader(server, tmp_path):
    return Reader(HTTP_API, server, tmp_path)


WITH_LINKS = [HTTP_API, OPERATIONS, TUTORIAL, "SECURITY.md", "docs/behind-a-proxy.md", "docs/cluster.md",
              "docs/coming-from.md", "docs/doors.md", "docs/install.md", "docs/worker-protocol.md",
              "docs/workers-in-other-languages.md", FRAMEWORKS, "clients/js/src/hooks/README.md",
              *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("examples/*/README.md"))]


@pytest.mark.parametrize("document", WITH_LINKS)
def test_links_lead_somewhere(document):
    text = without_code(ROOT / document)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        if not path.startswith("https:"):
            target = (ROOT / document).parent / path if path else ROOT / document
            assert target.exists(), link
            assert not anchor or anchor in map(anchor_of, headings(target)), link


def test_what_is_shown_of_apps_is_theirs():
    text = (ROOT / FRAMEWORKS).read_text()
    shown = re.findall(r"<!-- from: (\S+) -->\s*```\w+\n(.*?)```", text, re.DOTALL)
    assert len(shown) == text.count("```") / 2
    for path, part in shown:
        assert is_part(part, (ROOT / path).read_text()), f"{path} has no such part:\n{part}"


def is_part(part, whole):
    """Whether these lines follow one another there, perhaps further to the right."""
    wanted, lines = ([line.strip() for line in text.splitlines()] for text in (part, whole))
    if len(wanted) == 1:
        return any(wanted[0] in line for line in lines)
    return any(lines[at:at + len(wanted)] == wanted for at in range(len(lines)))


def without_code(path):
    return re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def headings(path):
    return re.findall(r"^#+ (.*)$", without_code(path), re.MULTILINE)


def anchor_of(heading):
    """As GitHub makes them."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.fixture
def upper(server, tmp_path):
    """Starts the worker of the README."""
    script = tmp_path / "worker.py"
    script.write_text(on_ports_of(server, sample("README.md", "worker.py")))
    return lambda: Process([sys.executable, script], name="worker.py")


def test_the_first_screen(reader, upper):
    reader.sees("go.sh")
    upper()
    reader.sees("ask.sh")
    reader.sees("wait.sh")
    reader.sees("publish.sh")


def test_submits(reader, upper):
    upper()
    assert reader.run("submit.sh") == '"HELLO"'
    reader.sees("many.sh")


def test_events(reader, server, make):
    reader.run("go.sh")
    worker = make(Worker(server, name="anna"))
    job = worker.job()
    seen = reader.start("events.sh")
    seen.line(lambda line: line == "event: started")
    worker.progress(job, done=1, total=2)
    seen.line(lambda line: line == "event: progress")
    worker.done(job, b'"HELLO"')
    assert seen.wait() == 0
    assert alike("\n".join(seen.stdout)) == alike(shown(HTTP_API, "events.sh"))


def test_origins(tmp_path):
    reader = Reader(HTTP_API, None, tmp_path)
    api = Api(Begun(reader.start("origin.sh", env=FREE)))

    def preflight(origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return api.call("OPTIONS", "/v1/queues/default/jobs", **headers)

    status, headers, _ = preflight("https://app.example")
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
    text = (ROOT / HTTP_API).read_text().lower()
    for name in ("Allow-Methods", "Allow-Headers", "Expose-Headers"):
        for word in headers[f"Access-Control-{name}"].split(", "):
            assert f"`{word.lower()}`" in text, f"{name}: {word}"
    assert preflight("https://evil.example").status == 403


def test_tokens(tmp_path):
    reader = Reader(OPERATIONS, None, tmp_path)
    secret, serve = sample(OPERATIONS, "mint.sh").splitlines()
    subprocess.run(["sh", "-ec", secret], cwd=tmp_path, check=True)
    server = Begun(reader.start("mint.sh", "sh", "-ec", f"exec {serve}", env=FREE))
    tokens = reader.run("mint.py", sys.executable, reader.save("mint.py")).split()
    page, backend, shop = (Api(server, token) for token in tokens)
    taken = backend.submit("1", queue="other")
    assert taken.status == 202
    page.submit("1", queue="other").refused(403, "forbidden")
    shop.submit("1", queue="reports").refused(403, "forbidden")
    page.publish("news", "1").refused(403, "forbidden")
    assert shop.publish("user-42/orders", "1", query="?retain=true").status == 200
    with Client(server, headers={"Authorization": f"Bearer {tokens[0]}"}) as client:
        client.send([{"op": "watch", "id": 1, "job": taken.json["job"]},
                     {"op": "subscribe", "topic": "user-42/orders"},
                     {"op": "subscribe", "topic": "user-43/orders"}])
        client.heard("accepted", id=1)
        client.heard("message", topic="user-42/orders")
        assert "user-43/orders" in client.heard("error", code="forbidden")["message"]


@pytest.mark.parametrize("name, command, said", [
    ("call.py", [sys.executable], "HELLO"),
    ("call.php", ["php"], "HELLO"),
    ("call.mjs", ["node"], "HELLO"),
])
def test_backends(reader, upper, name, command, said):
    path = reader.save(name)
    calling = reader.start(name, *command, path)
    upper()
    assert calling.line(lambda line: line) == said
    assert calling.wait() == 0


@pytest.fixture
def tutorial(tmp_path):
    """A reader who has begun the server of the tutorial, on ports on which it can be restarted."""
    class Beginner(Reader):
        http, jobs, results = (f"127.0.0.1:{port}" for port in quiet_ports(3))

        def serve(self):
            env = {"ACEQUIA_LISTEN": self.http, "ACEQUIA_JOBS": f"tcp://{self.jobs}",
                   "ACEQUIA_RESULTS": f"tcp://{self.results}"}
            self.process = self.start("serve.sh", env=env)
            self.server = Begun(self.process)

    beginner = Beginner(TUTORIAL, None, tmp_path)
    beginner.serve()
    yield beginner
    assert not any("panicked" in line for line in beginner.process.stderr)


@pytest.fixture
def reporter(tutorial):
    """Starts the worker of reports, and waits until it is there."""
    tutorial.save("worker.py")

    def start():
        process = tutorial.start("worker.sh")
        with Client(tutorial.server) as client:
            id = client.submit({"rows": 1}, queue="reports", priority=9)
            assert client.result(id) == {"rows": 1}
        return process

    return start


def test_the_first_worker(tutorial):
    # It is the same that is tested for all that may start or die.
    assert sample(TUTORIAL, "first.py") == sample("README.md", "worker.py")
    tutorial.save("first.py")
    tutorial.start("first.sh")
    tutorial.sees("hello.sh")


def test_reports_are_watched_and_fail(tutorial, reporter):
    reporter()
    told = [json.loads(line[6:]) for line in tutorial.run("watch.sh").splitlines() if line.startswith("data: ")]
    printed = [json.loads(line[6:]) for line in shown(TUTORIAL, "watch.sh").splitlines() if line.startswith("data: ")]
    # Whoever comes late to it is told less.
    assert is_within(map(of_any, told), map(of_any, printed))
    assert of_any(told[-1]) == of_any(printed[-1])
    tutorial.sees("fail.sh")


def of_any(event):
    """What is the same in any such event."""
    return {key: value for key, value in event.items() if key not in ("job", "worker", "in_ms")}


def is_within(some, others):
    """Whether others has them all, in their order."""
    rest = iter(others)
    return all(one in rest for one in some)


def test_reports_are_tried_again(tutorial, reporter):
    reporter()
    with Client(tutorial.server) as client:
        id = client.submit({"rows": 2, "stumble_at": 2}, queue="reports", attempts=3)
        assert client.result(id) == {"rows": 2}
        names = [name for name in client.names(id) if name != "accepted"]
    assert names == ["started", "progress", "retrying", "started", "progress", "progress", "done"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_worker_stops_when_it_is_through(tutorial, reporter, number):
    worker = reporter()
    with Client(tutorial.server) as client:
        held, waits = (client.submit({"rows": 3}, queue="reports") for _ in range(2))
        client.heard("started", id=held)
        worker.signal(number)
        assert client.result(held) == {"rows": 3}
        assert worker.wait() == 0
        reporter()
        assert client.result(waits) == {"rows": 3}


def test_the_worker_stops_without_a_server(tutorial, reporter):
    worker = reporter()
    tutorial.process.kill()
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0


def test_a_worker_that_is_killed_is_not_missed(tutorial, reporter):
    workers = {f"reports-{worker.pid}": worker for worker in (reporter(), reporter())}
    shorter = tutorial.text("long.sh").replace('"rows": 50', '"rows": 5')
    long = tutorial.start("long.sh", "sh", "-ec", f"exec {shorter}")
    with Client(tutorial.server) as client:
        # The job is found as an operator finds it: by whoever runs it.
        id = client.submit({"rows": 5}, queue="reports")
        runs = client.heard("started", id=id)["worker"]
        workers[runs].kill()
        assert client.result(id) == {"rows": 5}
    assert long.wait() == 0
    assert json.loads("".join(long.stdout)) == {"rows": 5}


def test_the_backend_and_the_plug(tutorial, reporter):
    reporter()
    port = quiet_port()
    path = tutorial.save("backend.py")
    path.write_text(path.read_text().replace(", 8000)", f", {port})"))
    tutorial.save("index.html")
    backend = tutorial.start("backend.sh")
    eventually(lambda: listens(port), "the backend")
    taken = Api(SimpleNamespace(address=lambda _: ("127.0.0.1", port))).call("POST", "/reports", '{"rows": 4}')
    assert taken.status == 202
    with Client(tutorial.server) as client:
        client.send({"op": "watch", "id": 1, "job": taken.json["job"]})
        client.heard("progress", id=1)
        tutorial.process.kill()
    tutorial.serve()
    with Client(tutorial.server) as client:
        client.send({"op": "watch", "id": 1, "job": taken.json["job"]})
        assert client.result(1) == {"rows": 4}
    assert backend.alive


def test_calls_and_their_queries_are_those_of_the_reference(server):
    reference = json.loads(server.get("/v1/openapi.json")[2])
    text = (ROOT / HTTP_API).read_text()
    told = set(re.findall(r"^\| \[?`(\w+) (/v1/\S+)`", text, re.MULTILINE))
    calls = {
        (method.upper(), path): call
        for path, item in reference["paths"].items() for method, call in item.items()
        if isinstance(call, dict) and "responses" in call
    }
    assert told == {(method, path if path.startswith("/v1") else f"/v1{path}") for method, path in calls}
    for (_, path), call in calls.items():
        for parameter in call.get("parameters", []):
            if parameter["in"] == "query" and parameter["name"] != "wait":
                assert f"| `{parameter['name']}` |" in text, path


def test_all_codes_of_refusals_are_told():
    rows = re.findall(r"^\| `(\w+)` \|", section("docs/client-protocol.md", "Codes of `rejected` and `error`"), re.MULTILINE)
    assert rows
    problems = section(HTTP_API, "Problems")
    assert [code for code in rows if f"`{code}`" not in problems] == []


def section(document, heading):
    text = (ROOT / document).read_text()
    assert text.count(f"\n## {heading}\n") == 1
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
