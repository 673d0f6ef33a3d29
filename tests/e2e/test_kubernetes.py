"""The manifests: held against the schemas of Kubernetes, against each other, and against real processes."""

import re
import subprocess
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from harness import Process, Server, acequia, eventually, run_acequia
from harness.cluster import Member
from harness.open_member import OpenMember
from harness.programs import program
from harness.prometheus import DEPLOY
from harness.server import clean_env

FOLDER = DEPLOY / "kubernetes"
# The oldest that is looked at; the others are those that the schemas know of, up to the newest. Two files say that they
# want a newer one.
OLDEST = "1.28"
NEWER = {"cluster-doors.yaml": "1.30", "worker-door.yaml": "1.29"}
# Where the secrets are mounted.
TOKENS = Path("/run/secrets/acequia")
CLUSTER = Path("/run/secrets/cluster")


def manifests(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def the(name, kind, called=None):
    (found,) = [each for each in manifests(name)
                if each["kind"] == kind and called in (None, each["metadata"]["name"])]
    return found


def runs(name):
    """What says how many pods there are, and of what."""
    (found,) = [each for each in manifests(name) if each["kind"] in ("Deployment", "StatefulSet")]
    return found


def pod(name):
    return runs(name)["spec"]["template"]["spec"]


def container(name):
    (container,) = pod(name)["containers"]
    return container


def sidecar(name):
    (container,) = pod(name)["initContainers"]
    return container


def programs(name):
    """All containers of a pod."""
    return [*pod(name).get("initContainers", []), *pod(name)["containers"]]


def settings(name):
    """The text of the file that the containers are told to read."""
    data = the(name, "ConfigMap")["data"]
    files = set()
    for each in programs(name):
        flag, file = each["args"][1:]
        (mounted,) = [mount for mount in each["volumeMounts"] if mount["name"] == "config"]
        assert flag == "--config" and Path(file).parent == Path(mounted["mountPath"])
        files.add(file)
    (file,) = files
    return data[Path(file).name]


def table(name, program):
    """What this container is told in that file."""
    return tomllib.loads(settings(name))[program["args"][0]]


# Of this program, and all that is of Kubernetes alone.
OWN = ["acequia.yaml", "cluster.yaml", "cluster-doors.yaml", "worker.yaml", "worker-door.yaml"]
FILES = [*OWN, "cluster-proxy.yaml"]
CLUSTERS = ["cluster.yaml", "cluster-doors.yaml"]


def test_every_file_is_looked_at():
    assert {file.name for file in FOLDER.iterdir()} == {*FILES, "keda.yaml"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("version", ["oldest", kubernetes_validate.latest_version()])
def test_kubernetes_knows_every_field(name, version):
    version = NEWER.get(name, OLDEST) if version == "oldest" else version
    for manifest in manifests(name):
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("name, version", list(NEWER.items()))
def test_who_wants_a_newer_kubernetes_says_so(name, version):
    assert f"Kubernetes {version} or newer" in " ".join((FOLDER / name).read_text().replace("#", " ").split())


def test_a_field_that_is_not_known_is_found():
    manifest = the("acequia.yaml", "Deployment")
    manifest["spec"]["template"]["spec"]["terminationGraceSeconds"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, OLDEST, strict=True)


@pytest.mark.parametrize("name", FILES)
def test_pods_are_of_what_runs_them_and_of_services_and_budgets(name):
    spec = runs(name)["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    for budget in (each for each in manifests(name) if each["kind"] == "PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        # One may always go, and one is left then.
        assert budget["spec"]["maxUnavailable"] == 1 < spec["replicas"]
    for constraint in pod(name).get("topologySpreadConstraints", []):
        assert constraint["labelSelector"]["matchLabels"].items() <= labels.items()
    ports = {port["name"]: port["containerPort"] for port in container(name).get("ports", [])}
    for service in (each for each in manifests(name) if each["kind"] == "Service"):
        assert service["spec"]["selector"].items() <= labels.items()
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()


@pytest.mark.parametrize("name", OWN)
def test_what_is_mounted_is_there(name):
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    assert volumes["config"]["configMap"]["name"] == the(name, "ConfigMap")["metadata"]["name"]
    used, secrets = set(), {"secrets": TOKENS, "cluster": CLUSTER}
    for program in programs(name):
        mounts = {mount["name"]: Path(mount["mountPath"]) for mount in program["volumeMounts"]}
        used |= mounts.keys()
        assert all(mounts[each] == secrets[each] for each in mounts.keys() & secrets.keys())
        # Every file that the settings name lies in a folder that is mounted.
        said = table(name, program).values()
        files = [Path(value) for value in said if isinstance(value, str) and value.startswith("/")]
        assert all(any(file.is_relative_to(mount) for mount in mounts.values()) for file in files)
        # And whoever has a secret reads it.
        needed = {secret for secret, folder in secrets.items() if any(file.is_relative_to(folder) for file in files)}
        assert needed == mounts.keys() & secrets.keys()
        # What is not mounted cannot be written, so the sockets of the program need a folder.
        assert program["securityContext"]["readOnlyRootFilesystem"] and Path("/tmp") in mounts.values()
    assert volumes.keys() == used


@pytest.mark.parametrize("name", OWN)
def test_it_waits_longer_than_running_jobs_may_take(name):
    pause = container(name).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod(name)["terminationGracePeriodSeconds"] > pause + table(name, container(name))["grace_s"]


def test_there_is_one_server_for_the_journal():
    spec = the("acequia.yaml", "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    said = tomllib.loads(settings("acequia.yaml"))["serve"]
    volumes = {volume["name"]: volume for volume in pod("acequia.yaml")["volumes"]}
    (state,) = [mount for mount in container("acequia.yaml")["volumeMounts"] if mount["name"] == "state"]
    assert Path(said["journal"]).parent == Path(state["mountPath"])
    claim = volumes["state"]["persistentVolumeClaim"]["claimName"]
    assert the("acequia.yaml", "PersistentVolumeClaim")["metadata"]["name"] == claim


@pytest.mark.parametrize("name", ["acequia.yaml", *CLUSTERS])
def test_ports_are_those_of_the_settings(name):
    said = tomllib.loads(settings(name))["serve"]
    keys = {"http": "listen", "jobs": "jobs", "results": "results", "link": "link_listen"}
    assert ports(name) == {port: int(said[key].rpartition(":")[2]) for port, key in keys.items() if key in said}


def ports(name):
    return {port["name"]: port["containerPort"] for port in container(name)["ports"]}


@pytest.mark.parametrize("name", ["acequia.yaml", "cluster-proxy.yaml"])
def test_workers_dial_the_service(name):
    service = the(name, "Service", "acequia-workers")
    dialled = tomllib.loads(settings("worker.yaml"))["worker"]
    for port in service["spec"]["ports"]:
        assert dialled[port["name"]] == f"tcp://{service['metadata']['name']}:{port['port']}"


@pytest.mark.parametrize("name", ["worker.yaml", "worker-door.yaml"])
def test_keda_scales_these_workers(name):
    (scaled,) = manifests("keda.yaml")
    deployment = the(name, "Deployment")
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    (trigger,) = scaled["spec"]["triggers"]
    said = tomllib.loads(settings(name))["worker"]
    assert trigger["metadata"]["threshold"] == str(said["slots"])
    (queue,) = said["queue"]
    assert f'{{queue="{queue}"}}' in trigger["metadata"]["query"]


def in_folder(folder):
    """Has the settings of a file in this folder, and the tokens that they name."""
    for token in ("worker-token", "admin-token", "cluster-token"):
        (folder / token).write_text(token * 4)

    def here(name):
        text = settings(name).replace(str(TOKENS), str(folder)).replace(str(CLUSTER), str(folder))
        (folder / name).write_text(text)
        return folder / name

    return here


def passes_its_probes(server, name):
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert server.get(container(name)[probe]["httpGet"]["path"])[0] == 200


def test_a_server_and_a_worker_by_these_settings(tmp_path):
    """As in their pods, but for the ports and the folders."""
    here = in_folder(tmp_path)
    server = Server("--config", here("acequia.yaml"), journal=tmp_path / "acequia.redb")
    passes_its_probes(server, "acequia.yaml")
    assert server.get("/v1/admin/dead-letters")[0] == 401
    program, = container("worker.yaml")["command"]
    assert program == "/usr/bin/acequia" and container("worker.yaml")["args"][0] == "worker"
    Process([acequia(), "worker", "--config", here("worker.yaml"), "--jobs", server.jobs, "--results", server.results],
            name="worker", env=clean_env())
    eventually(lambda: server.metric("acequia_queue_slots", queue="default") == 4, "the worker's four slots")
    assert run_acequia("submit", "--server", server.ws, "--quiet", stdin=b"a b c")[1].split() == [b"3"]
    server.check()


def servers_of_the_cluster(name="cluster.yaml"):
    """The names of its pods."""
    spec = runs(name)
    return [f"{spec['metadata']['name']}-{nth}" for nth in range(spec["spec"]["replicas"])]


# Those that stand by are ready, too, or it would wait for them. Doors are ready once they are linked.
@pytest.mark.parametrize("name, ready", list(zip(CLUSTERS, ["/healthz", "/readyz"])))
def test_servers_of_a_cluster_are_replaced_one_after_the_other(name, ready):
    spec = runs(name)["spec"]
    assert container(name)["readinessProbe"]["httpGet"]["path"] == ready
    assert (spec["podManagementPolicy"], spec["updateStrategy"]) == ("Parallel", {"type": "RollingUpdate"})
    assert spec["minReadySeconds"] > 0
    service = the(name, "Service", spec["serviceName"])["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)


def test_a_cluster_of_doors_may_have_the_proxy_too():
    """Which finds the servers by the same names, of which there are as many."""
    assert servers_of_the_cluster("cluster-doors.yaml") == servers_of_the_cluster()
    names = [the(name, "Service", runs(name)["spec"]["serviceName"])["metadata"]["name"] for name in CLUSTERS]
    assert names[0] == names[1]


def test_doors_beside_workers_link_to_every_server():
    service = the("cluster-doors.yaml", "Service", "acequia-servers")
    (port,) = [port["port"] for port in service["spec"]["ports"] if port["name"] == "link"]
    said = tomllib.loads(settings("worker-door.yaml"))
    assert said["door"]["link"] == [
        f"{server}.{service['metadata']['name']}:{port}" for server in servers_of_the_cluster("cluster-doors.yaml")]
    assert all(said["door"][key] == said["worker"][key] for key in ("jobs", "results"))
    # It begins before the worker and ends after it, and the worker does not have the token.
    assert sidecar("worker-door.yaml")["restartPolicy"] == "Always"
    assert "cluster" not in [mount["name"] for mount in container("worker-door.yaml")["volumeMounts"]]


def test_the_proxy_of_the_cluster_is_that_of_compose():
    """But for the names of the servers, of which there are so many as there are pods."""
    text = haproxy_of_the_cluster()
    names = servers_of_the_cluster()
    domain = f".{the('cluster.yaml', 'Service')['metadata']['name']}.${{NAMESPACE}}.svc.cluster.local"

    def at(nth):
        # One line of a server, which is one for each of them here.
        return "".join(
            f'    server {name} "{name}{domain}:{nth[1]}" {nth[2].replace("server-1", name)}\n' for name in names)

    here = re.sub(r"    server server-2 .*\n", "", (DEPLOY / "compose/haproxy.cfg").read_text())
    assert text == re.sub(r"    server server-1 server-1:(\d+) (.*)\n", at, here)


def haproxy_of_the_cluster():
    return the("cluster-proxy.yaml", "ConfigMap")["data"]["haproxy.cfg"]


def test_haproxy_reads_it(tmp_path):
    file = tmp_path / "haproxy.cfg"
    file.write_text(haproxy_of_the_cluster())
    (namespace,) = container("cluster-proxy.yaml")["env"]
    done = subprocess.run([program("haproxy"), "-c", "-f", file], env={namespace["name"]: "default"},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "acequia-2.acequia-servers.default.svc" in done.stderr, done.stderr
    # It binds what its pod has.
    assert sorted(re.findall(r"bind :(\d+)", file.read_text())) == sorted(map(str, ports("cluster-proxy.yaml").values()))


def test_two_servers_of_a_cluster_by_these_settings(tmp_path, postgres):
    """One owns the journal and the other one stands by; both pass their probes."""
    here = in_folder(tmp_path)
    variables = {each["name"]: each for each in container("cluster.yaml")["env"]}
    assert variables["ACEQUIA_JOURNAL"]["valueFrom"]["secretKeyRef"]["name"] == "acequia-journal"
    assert variables["ACEQUIA_ADVERTISE"]["value"] == f"http://$(POD_IP):{ports('cluster.yaml')['http']}"
    url = postgres.new_database()

    def start():
        return Member(None, "--config", here("cluster.yaml"), env={"ACEQUIA_JOURNAL": url})

    owner = start()
    owner.owns()
    standby = start()
    standby.stands_by(owner)
    for server in (owner, standby):
        passes_its_probes(server, "cluster.yaml")
    owner.stop()
    standby.owns()
    passes_its_probes(standby, "cluster.yaml")


def test_a_cluster_of_doors_and_workers_beside_one_by_these_settings(tmp_path, postgres):
    """Three servers, which pass their probes whoever owns, and a pod of workers."""
    here = in_folder(tmp_path)
    variables = {each["name"]: each for each in container("cluster-doors.yaml")["env"]}
    assert variables["ACEQUIA_JOURNAL"]["valueFrom"]["secretKeyRef"]["name"] == "acequia-journal"
    assert variables["ACEQUIA_ADVERTISE"]["value"] == f"http://$(POD_IP):{ports('cluster-doors.yaml')['http']}"
    url = postgres.new_database()
    servers = [OpenMember(None, tmp_path / "cluster-token", "--config", here("cluster-doors.yaml"),
                          env={"ACEQUIA_JOURNAL": url}) for _ in servers_of_the_cluster("cluster-doors.yaml")]
    links = ",".join(server.link for server in servers)
    file = here("worker-door.yaml")
    program = [acequia(), *sidecar("worker-door.yaml")["args"][:2], file]
    door = Process([*program, "--link", links, "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0"],
                   name="door", env=clean_env())
    ready = door.line(lambda line: line.startswith("acequia ready "))
    at = dict(word.split("=", 1) for word in ready.split()[2:])
    Process([acequia(), *container("worker-door.yaml")["args"][:2], file, "--jobs", at["jobs"], "--results",
             at["results"]], name="worker", env=clean_env())

    def counts_words(server):
        passes_its_probes(server, "cluster-doors.yaml")
        code, out, said = run_acequia("submit", "--server", server.ws, "--quiet", stdin=b"a b c")
        assert (code, out.split()) == (0, [b"3"]), said

    for server in servers:
        counts_words(server)
    (owner,) = [server for server in servers if server.is_owner]
    assert owner.stop() == 0
    others = [server for server in servers if server is not owner]
    new = eventually(lambda: next((server for server in others if server.is_owner), None), "another owner")
    # Two servers, and the door of the workers.
    eventually(lambda: new.metric("acequia_links") == len(others) + 1, "all doors")
    for server in others:
        counts_words(server)
    # The workers have noticed nothing.
    assert sum("a worker is ready" in line for line in door.stderr) == 1
    for server in servers:
        server.check()
