"""The cluster for Docker Compose: its parts fit, and its servers, workers and proxy do as real processes what they are told.

It is not started as it is: that takes a Docker daemon and the network.
"""

import copy
import re
import subprocess
import tomllib

import pytest
import yaml

from harness import Process, acequia, eventually, run_acequia
from harness.cluster import Member
from harness.cluster_proxy import COMPOSE, Haproxy
from harness.documents import block
from harness.programs import program
from harness.prometheus import DEPLOY
from harness.server import clean_env, quiet_ports

SERVERS = ["server-1", "server-2"]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((COMPOSE / "cluster.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_what_it_has(services):
    assert services.keys() == {"postgres", *SERVERS, "haproxy", "worker"}
    assert services["postgres"]["image"] == "postgres:16"
    # It is kept when the container is not.
    volume, _, folder = services["postgres"]["volumes"][0].partition(":")
    assert (volume, folder) == ("postgres", "/var/lib/postgresql/data")


def test_volumes_and_files_are_there(compose):
    for name, service in compose["services"].items():
        for mounted in service["volumes"]:
            source = mounted.partition(":")[0]
            made = source.startswith("./secrets")  # as its head says
            assert made or source in compose["volumes"] or (COMPOSE / source).is_file(), (name, source)


def test_what_is_secret_is_not_in_git():
    ignored = subprocess.run(["git", "check-ignore", ".env", "secrets/worker-token"], cwd=COMPOSE, check=False,
                             capture_output=True, text=True)
    assert ignored.stdout.split() == [".env", "secrets/worker-token"], ignored


def test_the_servers_differ_in_their_address_alone(services):
    first, second = (copy.deepcopy(services[name]) for name in SERVERS)
    assert first["environment"].pop("ACEQUIA_ADVERTISE") == "http://server-1:8080"
    assert second["environment"].pop("ACEQUIA_ADVERTISE") == "http://server-2:8080"
    assert first == second
    postgres = services["postgres"]["environment"]
    assert first["environment"]["ACEQUIA_JOURNAL"] == f"postgres://{postgres['POSTGRES_USER']}@postgres/{postgres['POSTGRES_DB']}"
    assert first["environment"]["PGPASSWORD"] == postgres["POSTGRES_PASSWORD"]


def test_ports_are_those_of_the_image(services):
    said = tomllib.loads((DEPLOY / "docker/acequia.toml").read_text())["serve"]
    ports = [said[key].rpartition(":")[2] for key in ("listen", "jobs", "results")]
    haproxy = (COMPOSE / "haproxy.cfg").read_text()
    assert re.findall(r"bind :(\d+)", haproxy) == ports
    assert re.findall(r"server (\S+) (\S+):(\d+)", haproxy) == [(name, name, port) for port in ports for name in SERVERS]
    # To this machine alone.
    assert services["haproxy"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in ports]
    command = services["worker"]["command"]
    dialled = [command[command.index(flag) + 1] for flag in ("--jobs", "--results")]
    assert dialled == [f"tcp://haproxy:{port}" for port in ports[1:]]


def test_all_are_given_the_time_that_they_take_to_stop(services):
    for name in SERVERS:
        # The server's default is no longer, of whichever journal.
        assert services[name]["stop_grace_period"] == "30s"
    code, out, _ = run_acequia("serve", "-h")
    said = b" ".join(out.split())
    assert code == 0 and int(re.search(rb"is told to stop \[default: (\d+);", said).group(1)) < 30
    code, out, _ = run_acequia("config", "worker")
    assert code == 0 and int(re.search(rb"^grace_s = (\d+)", out, re.MULTILINE).group(1)) < 45
    assert services["worker"]["stop_grace_period"] == "45s"


def test_the_document_has_the_file():
    assert block("docs/cluster.md", "file", "deploy/compose/haproxy.cfg")[1] == (COMPOSE / "haproxy.cfg").read_text()


def test_haproxy_reads_it():
    done = subprocess.run([program("haproxy"), "-c", "-f", COMPOSE / "haproxy.cfg"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def test_it_goes_on_when_a_server_dies(services, postgres, tmp_path):
    """All of it as processes: servers and a worker by their variables and flags, HAProxy by its file."""
    for token in ("worker-token", "admin-token"):
        (tmp_path / token).write_text(token * 4)
        (tmp_path / token).chmod(0o600)
    url = postgres.new_database()

    def here(value):
        return str(value).replace("/run/secrets", str(tmp_path))

    def member(name):
        env = {key: here(value) for key, value in services[name]["environment"].items()}
        del env["PGPASSWORD"], env["ACEQUIA_ADVERTISE"]
        settings = tmp_path / f"{name}.toml"
        settings.write_text(here((DEPLOY / "docker/acequia.toml").read_text()))
        return Member(None, "--config", settings, env={**env, "ACEQUIA_JOURNAL": url})

    first = member("server-1")
    first.owns()
    second = member("server-2")
    second.stands_by(first)
    with Haproxy(tmp_path, dict(zip(SERVERS, (first, second)))) as proxy:
        command = [here(part) for part in services["worker"]["command"]]
        for name in ("jobs", "results"):
            command[command.index(f"--{name}") + 1] = getattr(proxy, name)
        Process([acequia(), *command], name="worker", env=clean_env())

        def counts_words(server):
            server.wait_metric("acequia_queue_slots", 4, queue="default")
            eventually(proxy.knows_the_owner, "HAProxy to find the owner")
            code, out, said = run_acequia("submit", "--server", f"ws://{proxy.http}/v1/ws", "--quiet", stdin=b"a b c")
            assert (code, out.split()) == (0, [b"3"]), said

        counts_words(first)
        first.kill()
        second.owns()
        counts_words(second)
    second.check()
