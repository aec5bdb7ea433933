"""The files of deploy/ are what their readers take: the image's rules, compose, systemd, Helm, Prometheus."""

import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import resolve_to_config_type, validate_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.run_coordinator import QueuedRunCoordinator

from usage_pipeline.run_tags import Work
from usage_pipeline.settings.environment import project_dir

DEPLOY = project_dir() / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE = ("compose.yaml", "compose.external.yaml")
CLUSTER = "celery/compose.yaml"


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def asked(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What a program of this environment says."""
    path = Path(sysconfig.get_path("scripts")) / program
    return subprocess.run([path, *words], capture_output=True, text=True, check=False, timeout=60)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in their order, lines that go on joined."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_runs_as_a_user_without_rights_and_is_asked_whether_it_is_well() -> None:
    found = instructions()
    last = found[max(n for n, (word, _) in enumerate(found) if word == "FROM") :]
    assert dict(last)["USER"] == "10001:10001"
    assert "HEALTHCHECK" in dict(last)
    assert [word for word, _ in last][-1] == "CMD"
    # hadolint: images by version (DL3007), no ADD (DL3020), JSON for commands (DL3025), absolute folders (DL3000).
    for word, rest in found:
        assert word not in ("ADD", "MAINTAINER")
        if word == "FROM":
            assert re.search(r":\d+\.\d+", rest)
        if word in ("CMD", "ENTRYPOINT"):
            assert rest.startswith("[")
        if word == "WORKDIR":
            assert rest.startswith("/")
        if word == "RUN":
            assert "apt-get" not in rest
            assert "sudo" not in rest
    last_stage = " ".join(rest for word, rest in last if word in ("RUN", "COPY"))
    assert not re.search(r"gcc|build-essential|\.env|secret", last_stage)


def test_the_image_is_made_of_wheels_alone_with_their_hashes_checked() -> None:
    (pip,) = [rest for word, rest in instructions() if word == "RUN" and "requirements.lock" in rest]
    assert "--only-binary :all:" in pip
    assert "--require-hashes" in pip


def test_what_the_image_is_made_of_is_there_and_nothing_else_is_sent() -> None:
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert copied == let_in
    assert all((project_dir() / name).exists() for name in copied)
    project = tomllib.loads((project_dir() / "pyproject.toml").read_text(encoding="utf-8"))
    force = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert set(force) <= copied


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="hadolint's wheel is for these")
def test_hadolint_takes_the_dockerfile() -> None:
    done = asked("hadolint", "--failure-threshold", "style", str(DEPLOY / "Dockerfile"))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", [*COMPOSE, CLUSTER])
def test_compose_files_are_what_the_specification_says(name: str, tmp_path: Path) -> None:
    """By the schema of compose-spec; and a key that it does not know is seen."""
    lint = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = asked(*lint, str(DEPLOY / name))
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((DEPLOY / name).read_text(encoding="utf-8").replace("read_only:", "readonly:"), encoding="utf-8")
    assert asked(*lint, str(wrong)).returncode == 1


def test_with_servers_elsewhere_none_is_started_here() -> None:
    (service,) = read("compose.external.yaml")["services"].values()
    needed = service["environment"]
    assert all(value.startswith(f"${{{name}:?") for name, value in needed.items())
    # What starts an embedded server where it is not there (warehouse/location.py).
    text = (project_dir() / "usage_pipeline/warehouse/location.py").read_text(encoding="utf-8")
    assert set(re.findall(r'variable\("(\w+)"\) or embedded\(\)', text)) == needed.keys()
    assert "networks" not in service
    (beside,) = read("compose.yaml")["services"].values()
    same = beside.keys() - {"networks", "shm_size", "volumes"}
    assert {name: service[name] for name in same} == {name: beside[name] for name in same}


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_gives_the_service_no_right_that_it_does_not_need(name: str) -> None:
    (service,) = read(name)["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    # Secrets are in a file of their own.
    assert all(value.startswith("${") for value in service.get("environment", {}).values())
    assert service["env_file"] == "config/.env"
    folder = service["build"]
    assert (DEPLOY / folder["context"] / folder["dockerfile"]).is_file()
    assert {volume.split(":")[0] for volume in service["volumes"]} >= read(name)["volumes"].keys()


def test_a_cluster_is_the_same_service_and_workers_that_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    services = read(CLUSTER)["services"]
    alone = read("compose.external.yaml")["services"]["usage-pipeline"]
    whole, worker = services["usage-pipeline"], services["worker"]
    apart = {"build", "env_file", "volumes", "environment"}
    assert {name: whole[name] for name in whole.keys() - apart} == {name: alone[name] for name in alone.keys() - apart}
    assert whole["environment"].items() > alone["environment"].items()
    assert worker["environment"] == whole["environment"]
    assert all(value.startswith("${") for value in worker["environment"].values())
    # Nothing of a worker is kept, and nobody reaches it.
    assert worker["ports"] == []
    assert all(volume.endswith(":ro") for volume in worker["volumes"])
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    folder = (DEPLOY / CLUSTER).parent
    assert (folder / whole["build"]["context"] / whole["build"]["dockerfile"]).is_file()
    # What it is told to serve is an app that knows Dagster's steps, and leaves none behind that it has not ended.
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    app = importlib.import_module(worker["entrypoint"][-1]).app
    step = app.tasks["execute_plan"]
    assert (step.acks_late, step.reject_on_worker_lost) == (True, True)
    assert worker["command"][worker["command"].index("--queues") + 1] == app.conf.task_default_queue


@pytest.mark.skipif(
    not (shutil.which("systemd-analyze") or os.environ.get("CI")), reason="there is no systemd on this machine"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With a program where the units look for it, as on a machine that runs them."""
    program = tmp_path / "usage-pipeline"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    paths = []
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/usage-pipeline/bin/usage-pipeline", str(program))
        paths.append(tmp_path / unit.name)
        paths[-1].write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, paths)], capture_output=True, text=True,
                          check=False, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_no_unit_runs_with_more_rights_than_it_needs(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    for line in ("User=usage-pipeline", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n"):
        assert line in text


def test_helm_gives_the_limits_of_our_own_dagster_yaml() -> None:
    ours = yaml.safe_load((project_dir() / "dagster.yaml").read_text(encoding="utf-8"))
    values = read("helm/values.yaml")
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["maxConcurrentRuns"] == ours["concurrency"]["runs"]["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == ours["concurrency"]["runs"]["tag_concurrency_limits"]
    assert {limit["value"] for limit in queue["tagConcurrencyLimits"] if "value" in limit} <= {
        work.value for work in Work
    }
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert "usage_pipeline.definitions" in deployment["codeServerArgs"]
    mounted = {mount["name"] for mount in deployment["volumeMounts"]}
    assert mounted == {volume["name"] for volume in deployment["volumes"]}
    project = tomllib.loads((project_dir() / "pyproject.toml").read_text(encoding="utf-8"))
    assert deployment["image"]["tag"] == project["project"]["version"]


def test_what_helm_makes_of_the_values_is_what_dagster_takes() -> None:
    """The chart's schema is in no package index: what it writes into dagster.yaml is held against Dagster's own."""
    values = read("helm/values.yaml")
    daemon = values["dagsterDaemon"]
    instance = {
        "run_launcher": values["runLauncher"]["config"]["customRunLauncher"],
        "run_monitoring": in_snake_case(daemon["runMonitoring"]),
        "retention": {kind: in_snake_case(values["retention"][kind]) for kind in ("schedule", "sensor")},
        "telemetry": values["telemetry"],
    }
    queue = in_snake_case(daemon["runCoordinator"]["config"]["queuedRunCoordinator"])
    for schema, given in ((dagster_instance_config_schema(), instance), (QueuedRunCoordinator.config_type(), queue)):
        found = validate_config(resolve_to_config_type(schema), given)
        assert found.success, found.errors
        assert not validate_config(resolve_to_config_type(schema), given | {"retenton": {}}).success


def test_in_pods_of_their_own_runs_are_launched_as_dagster_takes_it() -> None:
    """Upon the values of helm/, as Helm merges them: what is said a second time replaces, and null takes away."""
    # Imported here, for every worker imports this file; it takes a third of a second.
    from dagster_k8s import K8sRunLauncher  # noqa: PLC0415
    from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict  # noqa: PLC0415
    from kubernetes.client import V1Container, V1JobSpec, V1PodSpec  # noqa: PLC0415

    values = merged(read("helm/values.yaml"), read("k8s/values.yaml"))
    launcher = values["runLauncher"]
    assert launcher["type"] == "K8sRunLauncher"
    assert set(launcher["config"]) == {"k8sRunLauncher"}
    given = launcher["config"]["k8sRunLauncher"]
    known = K8sRunLauncher.config_type()
    # The chart's own: whose account runs are launched by, and where they find the instance.
    chart = {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster",
    }
    raw = {name: value for name, value in given.items() if name in ("labels", "resources")}
    config = in_snake_case({name: value for name, value in given.items() if name not in raw})
    found = validate_config(resolve_to_config_type(known), chart | raw | config)
    assert found.success, found.errors
    assert not validate_config(resolve_to_config_type(known), chart | raw | config | {"imagepull": "x"}).success
    pod = given["runK8sConfig"]
    k8s_model_from_dict(V1PodSpec, k8s_snake_case_dict(V1PodSpec, pod["podSpecConfig"] | {"containers": []}))
    k8s_model_from_dict(V1Container, k8s_snake_case_dict(V1Container, pod["containerConfig"] | {"name": "run"}))
    k8s_model_from_dict(V1JobSpec, k8s_snake_case_dict(V1JobSpec, pod["jobSpecConfig"] | {"template": {}}))
    retries = in_snake_case(values["dagsterDaemon"]["runRetries"])
    tried = validate_config(resolve_to_config_type(dagster_instance_config_schema()), {"run_retries": retries})
    assert tried.success, tried.errors
    # The deployment is that of helm/values.yaml, with its limits of the queue.
    assert values["dagster-user-deployments"] == read("helm/values.yaml")["dagster-user-deployments"]


def test_workers_in_pods_are_those_of_the_compose_file() -> None:
    from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict  # noqa: PLC0415
    from kubernetes.client import V1Deployment  # noqa: PLC0415

    found = read("k8s/workers.yaml")
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
    k8s_model_from_dict(V1Deployment, k8s_snake_case_dict(V1Deployment, found))
    with pytest.raises(Exception, match=r"replica_count|replicaCount"):
        k8s_snake_case_dict(V1Deployment, found | {"spec": found["spec"] | {"replicaCount": 1}})
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    worker = read(CLUSTER)["services"]["worker"]
    assert (container["command"], container["args"]) == (worker["entrypoint"], worker["command"])
    (deployment,) = read("helm/values.yaml")["dagster-user-deployments"]["deployments"]
    assert container["securityContext"] == deployment["securityContext"]
    assert container["image"] == "{repository}:{tag}".format(**deployment["image"])
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    given = {name["name"]: name.get("value") for name in container["env"]}
    same = {name["name"]: name["value"] for name in deployment["env"] if name["name"] in given}
    assert same.items() <= given.items()


def merged(below: Any, above: Any) -> Any:
    """As Helm lays one file of values upon another."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    names = [*below, *(name for name in above if name not in below)]
    both = {name: merged(below.get(name), above[name]) if name in above else below[name] for name in names}
    return {name: value for name, value in both.items() if value is not None}


def in_snake_case(value: Any) -> Any:
    """As the chart's templates write the names of the values."""
    if isinstance(value, dict):
        return {re.sub(r"(?=[A-Z])", "_", name).lower(): in_snake_case(each) for name, each in value.items()}
    return [in_snake_case(each) for each in value] if isinstance(value, list) else value


def test_prometheus_asks_for_what_is_measured() -> None:
    text = (DEPLOY / "prometheus" / "usage_pipeline.rules.yaml").read_text(encoding="utf-8")
    (group,) = yaml.safe_load(text)["groups"]
    source = (project_dir() / "usage_pipeline" / "commands" / "status_metrics.py").read_text(encoding="utf-8")
    from_status = set(re.findall(r'yield "(\w+)"', source))
    assert from_status
    served = set(
        re.findall(r"SELECT '(\w+)'", (project_dir() / "sql/web/measurements.sql").read_text(encoding="utf-8"))
    )
    measured = {f"usage_pipeline_{name}" for name in served | from_status}
    for rule in group["rules"]:
        asked = set(re.findall(r"usage_pipeline_\w+", rule["expr"]))
        assert asked
        assert asked <= measured
        assert rule["annotations"].keys() == {"summary", "description"}
