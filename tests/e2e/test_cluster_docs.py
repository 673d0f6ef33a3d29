"""The samples of docs/cluster.md do what is said of them: on a PostgreSQL of the tests, and on free ports."""

import json
import re
from types import SimpleNamespace

import psycopg
import pytest

from harness import eventually, run_acequia
from harness.api import Api
from harness.cluster import Member
from harness.documents import Reader, block, sample
from harness.operations import documented_alerts
from harness.server import ROOT, Server, quiet_ports

DOCUMENT = "docs/cluster.md"
TEXT = (ROOT / DOCUMENT).read_text()
# What it prints of its two servers, the ports of the second named by its commands.
PRINTED = ["127.0.0.1:8080", "127.0.0.1:5557", "127.0.0.1:5558", "127.0.0.1:8081", "127.0.0.1:5567", "127.0.0.1:5568"]


class Operator(Reader):
    """Somebody who tries a cluster, with a PostgreSQL at another place."""

    def __init__(self, url, folder):
        super().__init__(DOCUMENT, None, folder)
        self._at = dict(zip(PRINTED, (f"127.0.0.1:{port}" for port in quiet_ports(len(PRINTED)))))
        self.url = url

    def here(self, text):
        printed = "PGPASSWORD=change-me "
        text = text.replace("postgres://acequia@127.0.0.1/acequia", self.url).replace(printed, "")
        for printed, at in self._at.items():
            text = text.replace(printed, at)
        return text

    def text(self, name):
        return self.here(super().text(name))

    def serve(self, name):
        """Begins a server. What it does not say itself is as it would be without the tests."""
        first = [self._at[printed] for printed in PRINTED[:3]]
        env = {"ACEQUIA_LISTEN": first[0], "ACEQUIA_JOBS": f"tcp://{first[1]}", "ACEQUIA_RESULTS": f"tcp://{first[2]}"}
        return self.start(name, env=env)


def test_a_cluster_is_tried(postgres, tmp_path):
    operator = Operator(postgres.new_database(), tmp_path)
    first = operator.serve("first.sh")
    first.line(lambda line: line.startswith("acequia ready "))
    second = operator.serve("second.sh")
    at = operator.here("127.0.0.1:8080")
    second.line(lambda line: line.startswith("acequia standby ") and line.endswith(f"owner=http://{at}"))
    job = json.loads(operator.run("submit.sh"))["job"]
    first.kill()
    second.line(lambda line: line.startswith("acequia ready "))
    operator.start("worker.sh")
    host, _, port = operator.here("127.0.0.1:8081").partition(":")
    of_second = Api(SimpleNamespace(address=lambda _: (host, int(port))))
    eventually(lambda: of_second.get(f"/v1/jobs/{job}").json["state"] == "done", "the job")
    first = operator.serve("first.sh")
    first.line(lambda line: line.startswith("acequia standby "))


def test_a_journal_is_moved_to_it(postgres, tmp_path):
    operator = Operator(postgres.new_database(), tmp_path)
    before = Server(journal=tmp_path / "acequia.redb")
    job = Api(before).submit(b"1").json["job"]
    assert before.stop() == 0
    operator.run("copy.sh")
    after = Member(operator.url)
    after.owns()
    assert Api(after).get(f"/v1/jobs/{job}").json["state"] == "waiting"
    after.check()


def test_its_user_is_made_as_it_says(postgres):
    """By the superuser, in whose place `sudo` puts one."""
    for statement in re.findall(r'-c "(.*?)"', sample(DOCUMENT, "create.sh")):
        # There is one of that name.
        statement = statement.replace("acequia", "tried")
        postgres.psql(statement, database="postgres")
    with psycopg.connect(postgres.url("tried", "change-me", "tried"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA acequia")


def test_it_says_what_to_do_at_each_alert():
    rows = re.findall(
        r"^\| `(Acequia\w+)`.*\[what to do\]\(cluster\.md#", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    headings = re.findall(r"^### (Acequia\w+)$", TEXT, re.MULTILINE)
    assert rows == headings and set(rows) <= documented_alerts()


def test_its_flags_and_variables_are_there():
    code, said, _ = run_acequia("serve", "--help")
    assert code == 0
    table = TEXT.split("\n## Settings\n")[1].split("\n\n")[1]
    for name in re.findall(r"`(--[\w-]+|ACEQUIA_\w+)`", table):
        assert name.encode() in said, name


@pytest.mark.parametrize("language, name", [("nginx", "upstream.nginx"), ("nginx", "server.nginx")])
def test_what_nginx_is_told_is_there(language, name):
    """It is run in test_proxies.py."""
    assert block(DOCUMENT, "sample", name)[0] == language


def test_a_standby_says_what_is_said_of_it(postgres):
    url = postgres.new_database()
    owner = Member(url)
    owner.owns()
    standby = Member(url)
    standby.stands_by(owner)
    assert [server.get("/healthz")[0] for server in (owner, standby)] == [200, 200]
    assert owner.get("/readyz")[0] == 200
    status, _, text = standby.get("/readyz")
    assert (status, text) == (503, f"standby: the owner is http://{owner.http}\n")
    status, headers, text = standby.get("/v1/about")
    said = json.loads(text)
    assert (status, headers["Retry-After"], said["code"], said["owner"]) == (503, "1", "standby", f"http://{owner.http}")
    names = {name for name, _ in standby.metrics() if name.startswith("acequia_cluster_")}
    assert names == {name for name, _ in owner.metrics() if name.startswith("acequia_cluster_")}
    for server in (owner, standby):
        server.check()
