"""The cluster, and the server with doors, for Docker Compose: their parts fit, and their servers, doors, workers and proxy
do as real processes what they are told.

They are not started as they are: that takes a Docker daemon and the network.
"""

import copy
import re
import signal
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


FILES = ["cluster.yaml", "doors.yaml"]


def read(name):
    return yaml.safe_load((COMPOSE / name).read_text())


@pytest.fixture(scope="module")
def compose():
    return read("cluster.yaml")


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_what_it_has(services):
    assert services.keys() == {"postgres", *SERVERS, "haproxy", "worker"}
    assert services["postgres"]["image"] == "postgres:16"
    # It is kept when the container is not.
    volume, _, folder = services["postgres"]["volumes"][0].partition(":")
    assert (volume, folder) == ("postgres", "/var/lib/postgresql/data")


def test_every_file_is_looked_at():
    made = {".env", "secrets"}  # as their heads say
    assert {file.name for file in COMPOSE.iterdir()} - made == {*FILES, "haproxy.cfg"}


@pytest.mark.parametrize("file", FILES)
def test_volumes_and_files_are_there(file):
    compose = read(file)
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


@pytest.fixture(scope="module")
def parts():
    return read("doors.yaml")["services"]


def flag(service, name):
    command = service["command"]
    return command[command.index(name) + 1]


def test_doors_and_workers_find_what_they_dial(parts):
    server, workers, worker = parts["server"], parts["workers"], parts["worker"]
    port = flag(server, "--link-listen").rpartition(":")[2]
    for door in (parts["browsers"], workers):
        assert flag(door, "--link") == f"server:{port}"
    (sockets,) = [volume for volume in workers["volumes"] if volume in worker["volumes"]]
    for end in ("--jobs", "--results"):
        assert flag(workers, end) == flag(worker, end)
        assert flag(worker, end).startswith(f"ipc://{sockets.partition(':')[2]}/")
    # Nothing else is open to this machine.
    (published,) = parts["browsers"]["ports"]
    assert published == "127.0.0.1:8080:" + flag(parts["browsers"], "--listen").rpartition(":")[2]
    assert [name for name, part in parts.items() if "ports" in part] == ["browsers"]


def test_doors_have_the_token_and_workers_do_not(parts):
    for name in ("server", "browsers", "workers"):
        file = flag(parts[name], "--cluster-token-file")
        assert any(file.startswith(volume.split(":")[1]) for volume in parts[name]["volumes"])
    assert not any("secrets" in volume for volume in parts["worker"]["volumes"])
    assert parts["worker"]["network_mode"] == "none"


def test_doors_are_given_the_time_that_they_take_to_stop(parts):
    code, out, _ = run_acequia("config", "door")
    assert code == 0 and int(re.search(rb"^grace_s = (\d+)", out, re.MULTILINE).group(1)) < 30
    assert {parts[name]["stop_grace_period"] for name in ("server", "browsers", "workers")} == {"30s"}


def test_workers_stay_when_the_server_is_started_again(parts, tmp_path):
    """All of it as processes, by their flags, with other ports and folders."""
    for token in ("cluster-token", "admin-token"):
        (tmp_path / token).write_text(token * 4)
    server_at, browsers_at = (f"127.0.0.1:{port}" for port in quiet_ports(2))
    folders = {"/run/secrets": tmp_path, "/run/acequia": tmp_path, "/var/lib/acequia": tmp_path}

    def here(word):
        for folder, other in folders.items():
            word = word.replace(folder, str(other))
        word = word.replace("server:5559", server_at).replace("0.0.0.0:5559", server_at).replace("0.0.0.0:8080", browsers_at)
        # Those of the server, to which nobody comes.
        return re.sub(r"127\.0\.0\.1:(8080|5557|5558)$", "127.0.0.1:0", word)

    def start(name):
        return Process([acequia(), *map(here, parts[name]["command"])], name=name, env=clean_env(), cwd=tmp_path)

    def ready(process):
        return process.line(lambda line: line.startswith("acequia ready "))

    def counts_words():
        code, out, said = run_acequia("submit", "--server", f"http://{browsers_at}", "--quiet", stdin=b"a b c")
        assert (code, out.split()) == (0, [b"3"]), said

    server = start("server")
    ready(server)
    browsers, workers = start("browsers"), start("workers")
    ready(browsers)
    assert "http=" not in ready(workers)
    start("worker")
    counts_words()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    ready(start("server"))
    linked = "this door is linked to the owner"
    for door in (browsers, workers):
        door.line(lambda line: linked in line, of="stderr", nth=2)
    counts_words()
    assert sum("a worker is ready" in line for line in workers.stderr) == 1
