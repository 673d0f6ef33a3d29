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
from harness.programs import program
from harness.prometheus import DEPLOY
from harness.server import clean_env

FOLDER = DEPLOY / "kubernetes"
# The oldest that is looked at; the others are those that the schemas know of, up to the newest.
OLDEST = "1.28"
TOKENS = Path("/run/secrets/acequia")


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


def settings(name):
    """The text of the file that the container is told to read."""
    data = the(name, "ConfigMap")["data"]
    flag, file = container(name)["args"][1:]
    (mounted,) = [mount for mount in container(name)["volumeMounts"] if mount["name"] == "config"]
    assert flag == "--config" and Path(file).parent == Path(mounted["mountPath"])
    return data[Path(file).name]


# Of this program, and all that is of Kubernetes alone.
OWN = ["acequia.yaml", "cluster.yaml", "worker.yaml"]
FILES = [*OWN, "cluster-proxy.yaml"]


def test_every_file_is_looked_at():
    assert {file.name for file in FOLDER.iterdir()} == {*FILES, "keda.yaml"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_kubernetes_knows_every_field(name, version):
    for manifest in manifests(name):
        kubernetes_validate.validate(manifest, version, strict=True)


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
    mounts = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert volumes["config"]["configMap"]["name"] == the(name, "ConfigMap")["metadata"]["name"]
    assert Path(mounts["secrets"]) == TOKENS
    # Every file that the settings name lies in a folder that is mounted.
    (said,) = tomllib.loads(settings(name)).values()
    files = [Path(value) for value in said.values() if isinstance(value, str) and value.startswith("/")]
    assert files and all(any(file.is_relative_to(mount) for mount in mounts.values()) for file in files)
    # What is not mounted cannot be written, so the sockets of the program need a folder.
    assert container(name)["securityContext"]["readOnlyRootFilesystem"] and mounts["tmp"] == "/tmp"


@pytest.mark.parametrize("name", OWN)
def test_it_waits_longer_than_running_jobs_may_take(name):
    (said,) = tomllib.loads(settings(name)).values()
    assert pod(name)["terminationGracePeriodSeconds"] > said["grace_s"]


def test_there_is_one_server_for_the_journal():
    spec = the("acequia.yaml", "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    said = tomllib.loads(settings("acequia.yaml"))["serve"]
    volumes = {volume["name"]: volume for volume in pod("acequia.yaml")["volumes"]}
    (state,) = [mount for mount in container("acequia.yaml")["volumeMounts"] if mount["name"] == "state"]
    assert Path(said["journal"]).parent == Path(state["mountPath"])
    claim = volumes["state"]["persistentVolumeClaim"]["claimName"]
    assert the("acequia.yaml", "PersistentVolumeClaim")["metadata"]["name"] == claim


@pytest.mark.parametrize("name", ["acequia.yaml", "cluster.yaml"])
def test_ports_are_those_of_the_settings(name):
    said = tomllib.loads(settings(name))["serve"]
    assert ports(name) == {name: int(said[key].rpartition(":")[2])
                           for name, key in (("http", "listen"), ("jobs", "jobs"), ("results", "results"))}


def ports(name):
    return {port["name"]: port["containerPort"] for port in container(name)["ports"]}


@pytest.mark.parametrize("name", ["acequia.yaml", "cluster-proxy.yaml"])
def test_workers_dial_the_service(name):
    service = the(name, "Service", "acequia-workers")
    dialled = tomllib.loads(settings("worker.yaml"))["worker"]
    for port in service["spec"]["ports"]:
        assert dialled[port["name"]] == f"tcp://{service['metadata']['name']}:{port['port']}"


def test_keda_scales_these_workers():
    (scaled,) = manifests("keda.yaml")
    deployment = the("worker.yaml", "Deployment")
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    (trigger,) = scaled["spec"]["triggers"]
    said = tomllib.loads(settings("worker.yaml"))["worker"]
    assert trigger["metadata"]["threshold"] == str(said["slots"])
    (queue,) = said["queue"]
    assert f'{{queue="{queue}"}}' in trigger["metadata"]["query"]


def in_folder(folder):
    """Has the settings of a file in this folder, and the tokens that they name."""
    for token in ("worker-token", "admin-token"):
        (folder / token).write_text(token * 4)

    def here(name):
        (folder / name).write_text(settings(name).replace(str(TOKENS), str(folder)))
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


def servers_of_the_cluster():
    """The names of its pods."""
    spec = runs("cluster.yaml")
    return [f"{spec['metadata']['name']}-{nth}" for nth in range(spec["spec"]["replicas"])]


def test_servers_of_a_cluster_are_replaced_one_after_the_other():
    spec = runs("cluster.yaml")["spec"]
    # Those that stand by are ready, too, or it would wait for them.
    assert container("cluster.yaml")["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert (spec["podManagementPolicy"], spec["updateStrategy"]) == ("Parallel", {"type": "RollingUpdate"})
    assert spec["minReadySeconds"] > 0
    service = the("cluster.yaml", "Service", spec["serviceName"])["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)


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
