"""The files to deploy with agree with the code and with each other. Nothing here needs Docker or a cluster."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.composed import GIVEN, ROOT, composed, environment_of
from truestyle.cli import reference
from truestyle.setting_groups import GROUPS
from truestyle.settings import Settings

KUBERNETES = ROOT / "deploy" / "kubernetes"
KNOWN = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", reference.env_example(), re.MULTILINE))
OURS = ("api1", "api2", "worker", "migrate")


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def kubernetes(kind: str) -> dict[str, dict[str, Any]]:
    """All manifests of a kind, by name."""
    found = [one for path in KUBERNETES.rglob("*.yaml") for one in documents(path)]
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """What runs our image, by name."""
    named = {**kubernetes("Deployment"), **kubernetes("Job")}
    return {name: one["spec"]["template"]["spec"] for name, one in named.items()}


@pytest.mark.parametrize("service", OURS)
def test_production_takes_the_settings_of_the_compose_file(service: str) -> None:
    settings = Settings.load(environ=environment_of(service))
    settings.require_safe()
    assert settings.production
    assert len(GROUPS) == len(settings.groups)


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_secret_that_is_not_given_stops_compose(name: str) -> None:
    """No default is a secret that everybody knows."""
    with pytest.raises(KeyError, match=name):
        composed({key: value for key, value in GIVEN.items() if key != name})


def test_new_secrets_are_all_that_compose_asks_for_and_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    script = ROOT / "deploy" / "compose" / "new_env.py"
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout  # noqa: S603
    given = dict(line.split("=", 1) for line in told.splitlines())
    assert given.keys() == GIVEN.keys()
    monkeypatch.setattr("tests.deploy.composed.GIVEN", given)
    Settings.load(environ=environment_of("api1")).require_safe()


def test_every_variable_is_a_setting() -> None:
    config, secret = kubernetes("ConfigMap")["truestyle"]["data"], documents(KUBERNETES / "secret.example.yaml")[0]
    assert set(environment_of("api1")) - KNOWN == set()
    assert set(config) - KNOWN == set()
    assert set(secret["stringData"]) - KNOWN == set()
    assert set(config) & set(secret["stringData"]) == set()


def test_production_takes_the_settings_of_kubernetes_once_the_secret_is_filled_in() -> None:
    secret = documents(KUBERNETES / "secret.example.yaml")[0]["stringData"]
    config = kubernetes("ConfigMap")["truestyle"]["data"]
    filled = {name: GIVEN.get(name, value) for name, value in secret.items()}
    Settings.load(environ={**config, **filled}).require_safe()


def test_services_wait_for_what_they_need_and_every_name_is_there() -> None:
    whole = composed()
    services = whole["services"]
    for name, one in services.items():
        assert set(one.get("depends_on", {})) <= set(services), name
        assert set(one.get("networks", [])) <= set(whole["networks"]), name
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in whole["volumes"], volume
    hosts = re.findall(r"(?:@|//|,)([a-z]+\d?):\d+(?![\da-f])", " ".join(environment_of("api1").values()))
    assert {*hosts, environment_of("api1")["MAIL_SERVER"]} - {"localhost"} <= set(services)
    assert {*hosts} >= {"mongo1", "mongo2", "mongo3", "postgres", "redis", "localstack"}
    for name in ("api1", "api2", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_replica_set_is_of_the_nodes_that_there_are() -> None:
    services = composed()["services"]
    config = json.loads((ROOT / "deploy/compose/mongo/replica-set.json").read_text())
    nodes = [name for name, one in services.items() if one.get("command", [""])[0] == "mongod"]
    assert [one["host"] for one in config["members"]] == [f"{name}:27017" for name in nodes]
    for name in nodes:
        command = services[name]["command"]
        assert config["_id"] == command[command.index("--replSet") + 1]
        assert "transactionLifetimeLimitSeconds=5" in command
    assert config["settings"]["electionTimeoutMillis"] == 1000
    assert config["settings"]["heartbeatIntervalMillis"] < 1000
    assert f"replicaSet={config['_id']}" in environment_of("api1")["MONGO_URI"]


def test_nginx_sends_to_the_processes_that_there_are_and_is_believed() -> None:
    text = (ROOT / "deploy/compose/nginx.conf").read_text()
    assert sorted(re.findall(r"server (\w+):8000", text)) == ["api1", "api2"]
    largest = int(re.findall(r"client_max_body_size (\d+)m;", text)[0]) * 1024 * 1024
    data = Settings.load(environ={}).data
    assert largest > max(data.import_max_bytes, data.upload_max_bytes)
    subnet = composed()["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert environment_of("api1")["TRUSTED_PROXIES"] == subnet
    assert "non_idempotent" not in text  # an order is not sent to the other process too


def test_nobody_is_root_and_nothing_is_written_but_to_volumes() -> None:
    services = composed()["services"]
    for name in OURS:
        one = services[name]
        assert one["read_only"], name
        assert one["cap_drop"] == ["ALL"], name
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"], name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"], name
            assert not context["allowPrivilegeEscalation"], name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
    recipe = (ROOT / "Dockerfile").read_text()
    user = re.findall(r"^USER (\d+):(\d+)$", recipe, re.MULTILINE)
    assert user == [("10001", "10001")]
    assert {pod["securityContext"]["runAsUser"] for pod in pods().values()} == {10001}


def test_the_image_has_no_embedded_database() -> None:
    recipe = (ROOT / "Dockerfile").read_text()
    syncs = re.findall(r"uv sync.*", recipe)
    assert syncs
    assert all("--no-default-groups" in one for one in syncs)
    pinned = re.findall(r"uv==[\d.]+", recipe)
    assert len(pinned) == 1


def test_the_image_can_send_traces_and_errors() -> None:
    syncs = re.findall(r"uv sync.*", (ROOT / "Dockerfile").read_text())
    assert [re.findall(r"--extra (\w+)", one) for one in syncs] == [["otel", "sentry"]] * 2


def test_the_cluster_lets_traces_out_and_sitemaps_be_read() -> None:
    allowed = kubernetes("NetworkPolicy")["outside"]["spec"]["egress"]
    collector = urlsplit(Settings.load(environ={}).observing.otel_exporter_otlp_endpoint)
    assert [collector.port] in [[port["port"] for port in one["ports"]] for one in allowed if "to" not in one]
    [rule] = kubernetes("Ingress")["api"]["spec"]["rules"]
    paths = {one["path"]: one["pathType"] for one in rule["http"]["paths"]}
    assert (paths["/sitemap.xml"], paths["/sitemap-"]) == ("Exact", "ImplementationSpecific")


def test_the_version_of_the_image_is_that_of_the_code() -> None:
    version = re.findall(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    tags = [
        one["newTag"] for path in KUBERNETES.rglob("kustomization.yaml") for one in documents(path)[0].get("images", [])
    ]
    assert tags == [version, version]
    assert composed()["services"]["api1"]["image"] == f"truestyle:{version}"


def test_kubernetes_asks_the_right_things_and_lets_requests_finish() -> None:
    pod = pods()["api"]
    [container] = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert (
        container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/health/live"
    )
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + 10  # what was accepted has ten seconds
    assert int(composed()["services"]["api1"]["stop_grace_period"].rstrip("s")) > 10
    budget = kubernetes("PodDisruptionBudget")["api"]["spec"]
    scaler = kubernetes("HorizontalPodAutoscaler")["api"]["spec"]
    assert scaler["minReplicas"] > budget["minAvailable"]
    labels = kubernetes("Deployment")["api"]["spec"]["template"]["metadata"]["labels"]
    for selector in (kubernetes("Service")["api"]["spec"]["selector"], budget["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()


def test_every_manifest_is_of_a_kustomization() -> None:
    listed = set()
    for path in KUBERNETES.rglob("kustomization.yaml"):
        for name in documents(path)[0]["resources"]:
            target = (path.parent / name).resolve()
            assert target.exists(), name
            listed.add(target)
    left = {
        one for one in KUBERNETES.rglob("*.yaml") if one.name != "kustomization.yaml" and one.resolve() not in listed
    }
    assert {one.name for one in left} == {"secret.example.yaml"}
