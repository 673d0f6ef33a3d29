"""The manifests: held against the schemas of Kubernetes, against each other, and against real processes."""

import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from harness import Process, Server, acequia, eventually, run_acequia
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


def pod(name):
    return the(name, "Deployment")["spec"]["template"]["spec"]


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


FILES = ["acequia.yaml", "worker.yaml"]


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
def test_pods_are_of_their_deployment_and_services(name):
    deployment = the(name, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ports = {port["name"]: port["containerPort"] for port in container(name).get("ports", [])}
    for service in (each for each in manifests(name) if each["kind"] == "Service"):
        assert service["spec"]["selector"].items() <= labels.items()
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()


@pytest.mark.parametrize("name", FILES)
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


@pytest.mark.parametrize("name", FILES)
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


def test_ports_are_those_of_the_settings():
    said = tomllib.loads(settings("acequia.yaml"))["serve"]
    ports = {port["name"]: port["containerPort"] for port in container("acequia.yaml")["ports"]}
    assert ports == {name: int(said[key].rpartition(":")[2])
                     for name, key in (("http", "listen"), ("jobs", "jobs"), ("results", "results"))}
    # And the workers dial them, by the name of the service.
    service = the("acequia.yaml", "Service", "acequia-workers")
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


def test_a_server_and_a_worker_by_these_settings(tmp_path):
    """As in their pods, but for the ports and the folders."""
    for token in ("worker-token", "admin-token"):
        (tmp_path / token).write_text(token * 4)

    def here(name):
        text = settings(name).replace(str(TOKENS), str(tmp_path))
        (tmp_path / name).write_text(text)
        return tmp_path / f"{name}"

    server = Server("--config", here("acequia.yaml"), journal=tmp_path / "acequia.redb")
    probes = container("acequia.yaml")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert server.get(probes[probe]["httpGet"]["path"])[0] == 200
    assert server.get("/v1/admin/dead-letters")[0] == 401
    program, = container("worker.yaml")["command"]
    assert program == "/usr/bin/acequia" and container("worker.yaml")["args"][0] == "worker"
    Process([acequia(), "worker", "--config", here("worker.yaml"), "--jobs", server.jobs, "--results", server.results],
            name="worker", env=clean_env())
    eventually(lambda: server.metric("acequia_queue_slots", queue="default") == 4, "the worker's four slots")
    assert run_acequia("submit", "--server", server.ws, "--quiet", stdin=b"a b c")[1].split() == [b"3"]
    server.check()
