"""Engines as people have them: rootless, remapped, far away, without an init or a GPU."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

import made
from engines import Engines
from sealed.engines import choose, gpu
from sealed.engines.container import image, installation
from sealed.engines.container.engine import Container
from sealed.errors import StageError
from sealed.stage import Stage
from sealed_project import DECLARED

ROOT = Path(__file__).parents[2]
HERE = os.uname().nodename
ME = "--user=1234:5678"
DOCKER: dict[str, Any] = {"Name": HERE, "SecurityOptions": ["name=seccomp,profile=default"]}
ROOTLESS = {"Name": HERE, "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}
REMAPPED = {"Name": HERE, "SecurityOptions": ["name=apparmor", "name=userns"]}
PODMAN = {"host": {"hostname": HERE, "security": {"rootless": False}}}
PODMAN_OLD = {"host": {"hostname": HERE, "rootless": True}}
PODMAN_ROOTLESS = {"host": {"hostname": HERE, "security": {"rootless": True}}}
STAGE = made.stage("copy")
TRAIN = made.stage("train", gpu=True)
FETCH = made.stage("fetch", network=True, environment=("MIRROR",))
NO_SIGHT = (
    'echo "invalid mount config for type bind: bind source path does not exist: /x" >&2; exit 1'
)
NO_TOOLKIT = """cat >&2 <<'end'
docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].

Run 'docker run --help' for more information
end
exit 125"""
NO_CDI = """
echo 'Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all' >&2; exit 126"""


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Engines(tmp_path / "bin")


@pytest.fixture
def somebody(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Engines:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 5678)
    return engines


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "present", lambda: True)


def chosen(stage: Stage, **environ: str) -> Container:
    found = choose.choose(stage, ROOT, environ)
    assert isinstance(found, Container)
    return found


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    ("name", "info", "there", "absent"),
    [
        ("docker", DOCKER, {ME, "--init"}, "--userns=keep-id"),
        ("docker", ROOTLESS, {"--user=0:0", "--init"}, ME),
        ("docker", REMAPPED, {ME, "--userns=host"}, "--user=0:0"),
        ("docker", PODMAN_ROOTLESS, {ME, "--userns=keep-id"}, "--userns=host"),
        ("podman", PODMAN, {ME, "--security-opt=label=disable"}, "--userns=keep-id"),
        ("podman", PODMAN_OLD, {ME, "--userns=keep-id"}, "--userns=host"),
    ],
)
def test_in_rootless_remapped_and_podman_as_docker_the_stage_is_you(
    somebody: Engines, name: str, info: Any, there: set[str], absent: str
) -> None:
    somebody.put(name, info=info)
    flags = chosen(STAGE, STAGE_ENGINE=name).flags
    assert there <= set(flags)
    assert absent not in flags


@pytest.mark.fault(67)
def test_podman_without_catatonit_starts_without_an_init(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.put("podman", info=PODMAN)
    monkeypatch.setattr(installation, "CATATONIT", (str(tmp_path / "catatonit"),))
    assert "--init" not in chosen(STAGE, STAGE_ENGINE="podman").flags
    (tmp_path / "catatonit").touch()
    assert "--init" in chosen(STAGE, STAGE_ENGINE="podman").flags


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    "info", [DOCKER | {"Name": "elsewhere"}, {"host": PODMAN["host"] | {"hostname": "elsewhere"}}]
)
def test_an_engine_on_another_machine_that_does_not_see_the_sandbox_is_not_taken(
    engines: Engines, tmp_path: Path, info: Any
) -> None:
    for file in ("Dockerfile", "requirements.lock"):
        (tmp_path / file).write_text("x", encoding="utf-8")
    (tmp_path / "sealed.toml").write_text(DECLARED, encoding="utf-8")
    engines.put("docker", info=info, create=NO_SIGHT)
    because = (
        f"docker: runs on elsewhere and does not see {tmp_path} \\(invalid mount config .*: /x\\)"
    )
    assert re.fullmatch(
        f"on the host.* \\(STAGE_ENGINE unset; {because}; podman: .*; bwrap: not on PATH\\)",
        str(choose.choose(STAGE, tmp_path, {})),
    )
    with pytest.raises(StageError, match=f"{because}; mount the project there at the same path"):
        choose.choose(STAGE, tmp_path, {"STAGE_ENGINE": "docker"})
    [call, _] = engines.calls("docker", "create")
    assert f"source={tmp_path}/.dvc/tmp/look-" in call
    assert list((tmp_path / ".dvc/tmp").iterdir()) == []


@pytest.mark.fault(67)
def test_an_engine_on_another_machine_that_sees_the_sandbox_is_taken(engines: Engines) -> None:
    engines.put("docker", info=DOCKER | {"Name": "elsewhere"}, create="echo 1234")
    assert chosen(STAGE).name == "docker"
    assert engines.calls("docker", "rm") == ["rm 1234"]


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    ("last_output", "message"),
    [
        ("bind source path does not exist: /x", "it does not see this folder; mount it there"),
        ('exec: "docker-init": executable file not found in $PATH', "install docker-init"),
        ("error setting rlimit type 7: operation not permitted", "see default_ulimits"),
        ("anything", "its own message is above"),
    ],
)
def test_why_an_engine_could_not_start_is_explained(last_output: str, message: str) -> None:
    explained = Container("docker").explain(125, STAGE, {}, last_output)
    assert explained.startswith("docker could not run the container")
    assert message in explained


@pytest.mark.fault(68)
@pytest.mark.usefixtures("with_gpu")
def test_only_a_stage_that_wants_a_gpu_asks_for_one(engines: Engines) -> None:
    engines.put("docker", info=DOCKER)
    engines.put("podman", info=PODMAN)
    assert "--gpus=all" in chosen(TRAIN).flags
    flags = chosen(TRAIN, STAGE_ENGINE="podman", CUDA_VISIBLE_DEVICES="0,2").flags
    assert {"--device=nvidia.com/gpu=0", "--device=nvidia.com/gpu=2"} <= set(flags)
    assert not [flag for flag in chosen(STAGE).flags if "gpu" in flag]
    [tried] = engines.calls("docker", "run")
    assert {"--rm", "--gpus=all"} <= set(tried.split())
    assert tried.endswith(" true")


@pytest.mark.fault(68)
@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize(
    ("name", "info", "refusal", "why"),
    [
        (
            "docker",
            DOCKER,
            NO_TOOLKIT,
            'could not select device driver "" with capabilities: [[gpu]]',
        ),
        ("podman", PODMAN, NO_CDI, "unresolvable CDI devices nvidia.com/gpu=all"),
    ],
)
def test_without_the_nvidia_toolkit_or_a_cdi_spec_the_stage_goes_without_and_it_is_said(
    engines: Engines, name: str, info: Any, refusal: str, why: str
) -> None:
    engines.put(name, info=info, run=refusal)
    container = chosen(TRAIN, STAGE_ENGINE=name)
    assert not [flag for flag in container.flags if "gpu" in flag]
    assert f"(STAGE_ENGINE={name}; without the GPU: " in str(container)
    assert why in str(container)
    assert str(container).endswith(", see NVIDIA's Container Toolkit)")


@pytest.mark.fault(68)
@pytest.mark.usefixtures("with_gpu")
def test_an_image_without_cuda_is_not_given_a_gpu(engines: Engines) -> None:
    cpu = image.tag("requirements.lock", ROOT)
    missing = f'case "$5" in {cpu}) exit 0;; *) echo "No such image" >&2; exit 1;; esac'
    engines.put("docker", info=DOCKER, image=missing)
    container = chosen(TRAIN)
    assert container.image == cpu
    assert "without the GPU: the image is not that of requirements-gpu.lock" in str(container)
    assert not [flag for flag in container.flags if "gpu" in flag]


@pytest.mark.fault(68)
@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize(
    ("environ", "flag"),
    [
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, '--gpus="device=GPU-bbbb-2,GPU-aaaa-1"'),
        ({"CUDA_VISIBLE_DEVICES": "GPU-aa"}, '--gpus="device=GPU-aaaa-1"'),
        ({"CUDA_VISIBLE_DEVICES": "5"}, '--gpus="device=5"'),
        ({"NVIDIA_VISIBLE_DEVICES": "1"}, '--gpus="device=1"'),
        ({"CUDA_VISIBLE_DEVICES": ""}, None),
    ],
)
def test_the_chosen_gpu_is_the_one_that_the_container_has(
    engines: Engines, environ: dict[str, str], flag: str | None
) -> None:
    engines.program("nvidia-smi", "echo 'GPU 0: A (UUID: GPU-aaaa-1)\nGPU 1: B (UUID: GPU-bbbb-2)'")
    engines.put("docker", info=DOCKER)
    found = [flag for flag in chosen(TRAIN, **environ).flags if "gpu" in flag]
    assert found == ([flag] if flag else [])


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    ("name", "value", "host"),
    [
        ("MIRROR", "http://127.0.0.1:8000", "127.0.0.1"),
        ("MIRROR", "https://[::1]/", "::1"),
        ("http_proxy", "localhost:3128", "localhost"),
    ],
)
def test_an_address_at_localhost_is_not_reached_from_a_container(
    engines: Engines, name: str, value: str, host: str
) -> None:
    engines.put("docker", info=DOCKER)
    why = f"{name}: in a container {host} is the container, so nothing answers there"
    unasked = choose.choose(FETCH, ROOT, {name: value})
    assert str(unasked).endswith(f" (STAGE_ENGINE unset; {why}; bwrap: not on PATH)")
    asked = chosen(FETCH, **{name: value}, STAGE_ENGINE="docker")
    assert f"(STAGE_ENGINE=docker; {why}; name this machine by another address" in str(asked)
    assert chosen(STAGE, **{name: value}).name == "docker"  # a stage that is not told of it


@pytest.mark.parametrize(
    "value", ["http://mirror.example/", "/localhost", "localhost", "http://[x"]
)
def test_any_other_address_is_left_to_the_stage(engines: Engines, value: str) -> None:
    engines.put("docker", info=DOCKER)
    assert chosen(FETCH, MIRROR=value, no_proxy="localhost").name == "docker"
