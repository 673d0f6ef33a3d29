"""The samples of docs/doors.md do what is said of them: on free ports, and on a PostgreSQL of the tests."""

import re
import subprocess
import sys

import pytest
import yaml

from harness import Process, eventually, run_acequia
from harness.api import Api
from harness.cluster import TEN_LINES
from harness.documents import Reader, sample
from harness.operations import documented_alerts
from harness.prometheus import promtool
from harness.server import ROOT, Server, quiet_ports, samples_of

DOCUMENT = "docs/doors.md"
TEXT = (ROOT / DOCUMENT).read_text()
# Where a server and a door listen by themselves, and what it says of others.
ITS_OWN = ["127.0.0.1:8080", "127.0.0.1:5557", "127.0.0.1:5558"]
PRINTED = [*ITS_OWN, "127.0.0.1:8081", "127.0.0.1:5567", "127.0.0.1:5568", "127.0.0.1:5559", "127.0.0.1:5569"]


class Begun:
    """A server or a door that a sample has begun."""

    def __init__(self, process):
        self.process = process
        ready = process.line(lambda line: line.startswith("acequia ready "))
        said = dict(word.split("=", 1) for word in ready.split()[2:])
        # A door for workers has no HTTP.
        self.http, self.jobs, self.results = said.get("http"), said["jobs"], said["results"]

    address, connection, request, get = Server.address, Server.connection, Server.request, Server.get

    def metric(self, name):
        return samples_of(self.get("/metrics")[2])[name, ()]


class Operator(Reader):
    """Somebody who tries doors, where other programs have the ports that are printed."""

    def __init__(self, folder):
        super().__init__(DOCUMENT, None, folder)
        self._at = dict(zip(PRINTED, (f"127.0.0.1:{port}" for port in quiet_ports(len(PRINTED)))))
        self.put = {}

    def text(self, name):
        text = super().text(name)
        for printed, here in {**self.put, **self._at}.items():
            text = text.replace(printed, here)
        return text

    def at(self, printed):
        return self._at[printed]

    def run_token(self):
        """Makes the token of the cluster, as the first sample does."""
        subprocess.run(["sh", "-ec", self.text("serve.sh").splitlines()[0]], cwd=self.folder, check=True)

    def begin(self, name):
        """Does all lines of a sample but the last command, and begins that. What it does not say itself is as it would be
        without the tests."""
        http, jobs, results = map(self.at, ITS_OWN)
        env = {"ACEQUIA_JOBS": f"tcp://{jobs}", "ACEQUIA_RESULTS": f"tcp://{results}"}
        if "acequia serve" in self.text(name):
            env["ACEQUIA_LISTEN"] = http
        before, begun, command = re.split(r"^((?:PGPASSWORD=\S+ )?acequia )", self.text(name), flags=re.MULTILINE)
        subprocess.run(["sh", "-ec", before], cwd=self.folder, check=True)
        return self.start(name, "sh", "-ec", f"exec {begun.removeprefix('PGPASSWORD=change-me ')}{command}", env=env)


@pytest.fixture
def operator(tmp_path):
    return Operator(tmp_path)


def test_a_server_and_a_door_are_tried(operator):
    server = operator.begin("serve.sh")
    door = Begun(operator.begin("door.sh"))
    assert door.http == operator.at("127.0.0.1:8081")
    operator.start("worker.sh")
    operator.sees("ask.sh")
    server.kill()
    # The token is there.
    again = Begun(operator.start("serve.sh", "sh", "-ec", f"exec {operator.text('serve.sh').splitlines()[1]}",
                                 env={"ACEQUIA_LISTEN": operator.at("127.0.0.1:8080")}))
    eventually(lambda: again.metric("acequia_links") == 1, "the door")
    operator.sees("ask.sh")
    # The worker did not notice.
    assert sum("a worker is ready" in line for line in door.process.stderr) == 1


def test_a_door_beside_workers_of_any_library(operator):
    operator.run_token()
    operator.put = {"0.0.0.0:5559": operator.at("127.0.0.1:5559"), "jobs.example:5559": operator.at("127.0.0.1:5559")}
    server = operator.start("public.sh", env={
        "ACEQUIA_LISTEN": "127.0.0.1:0", "ACEQUIA_JOBS": "tcp://127.0.0.1:0", "ACEQUIA_RESULTS": "tcp://127.0.0.1:0"})
    door = Begun(operator.begin("beside.sh"))
    assert door.http is None
    Process([sys.executable, TEN_LINES, door.jobs, door.results], name="ten lines")
    assert Api(Begun(server)).call("POST", "/v1/queues/default/jobs", b'"hello"', Prefer="wait=30").json == "HELLO"


def test_several_servers_are_tried(operator, postgres):
    operator.run_token()
    operator.put = {"postgres://acequia@127.0.0.1/acequia": postgres.new_database()}
    first = Begun(operator.begin("first.sh"))
    second = Begun(operator.begin("second.sh"))
    job = Api(second).submit(b"1").json["job"]
    assert [server.metric("acequia_cluster_owner") for server in (first, second)] == [1, 0]
    first.process.kill()
    eventually(lambda: second.metric("acequia_cluster_owner") == 1, "another owner")
    operator.start("worker.sh")
    eventually(lambda: Api(second).get(f"/v1/jobs/{job}").json["state"] == "done", "the job")


def test_its_rule_is_one(tmp_path):
    file = tmp_path / "rule.yml"
    file.write_text(sample(DOCUMENT, "rule.yml"))
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert code == 0 and "SUCCESS" in said, said
    (group,) = yaml.safe_load(file.read_text())["groups"]
    # It is none of those that are deployed.
    assert not {rule["alert"] for rule in group["rules"]} & documented_alerts()


def test_it_says_what_to_do_at_each_alert():
    rows = re.findall(
        r"^\| `(Acequia\w+)`.*\[what to do\]\(doors\.md#", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    headings = re.findall(r"^### (Acequia\w+)$", TEXT, re.MULTILINE)
    assert rows == headings and set(rows) <= documented_alerts()


def test_its_flags_and_variables_are_there():
    said = b""
    for command in ("serve", "door"):
        code, out, _ = run_acequia(command, "--help")
        assert code == 0
        said += out
    named = re.findall(r"`(--[a-z][\w-]+|ACEQUIA_\w+)", TEXT)
    assert {"--link", "--link-listen", "--never-own", "ACEQUIA_NEVER_OWN"} <= set(named)
    assert [name for name in named if not re.search(rf"{name}\b", said.decode())] == []
