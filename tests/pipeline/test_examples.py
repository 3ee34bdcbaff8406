"""The examples are what compose, Slurm and Kubernetes read, and start what there is to start."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import slurm_cluster
from sealed_project import require_image

PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples"
STAGES: dict[str, Any] = yaml.safe_load((PROJECT / "dvc.yaml").read_text("utf-8"))["stages"]


def read(name: str) -> list[Any]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text("utf-8")))


def test_each_example_names_the_line_that_starts_it() -> None:
    lines = {
        "compose.yaml": "docker compose -f",
        "job.yaml": "kubectl",
        "serve.compose.yaml": "docker compose -f",
        "train.sbatch": "sbatch",
    }
    assert {path.name for path in EXAMPLES.iterdir()} == set(lines)
    for name, line in lines.items():
        assert re.search(
            rf"^#   .*{line} .*examples/{name}", (EXAMPLES / name).read_text("utf-8"), re.M
        )


def test_the_containers_of_compose_are_one_cluster_and_one_of_them_publishes() -> None:
    services = read("compose.yaml")[0]["services"]
    configs = [json.loads(one["environment"]["TF_CONFIG"]) for one in services.values()]
    assert [one["task"] for one in configs] == [{"type": "worker", "index": i} for i in (0, 1)]
    for one in configs:
        hosts = [address.split(":")[0] for address in one["cluster"]["worker"]]
        assert hosts == list(services)
    commands = [one["command"] for one in services.values()]
    assert commands == [
        ["python", "-P", "-m", "dvc", "repro", "train"],
        ["stages/run", "--peer", "train"],
    ]


def compose() -> list[str]:
    """Return the command that is Docker's compose here, the new one or the old one."""
    asked = ["docker", "compose", "version"]
    if shutil.which("docker"):
        said = subprocess.run(asked, capture_output=True, check=False).stdout
        if b"compose" in said.lower():
            return asked[:2]
    if not shutil.which("docker-compose"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no docker compose")
    return ["docker-compose"]


def test_compose_reads_its_example() -> None:
    done = subprocess.run(
        [*compose(), "-f", str(EXAMPLES / "compose.yaml"), "config"],
        env=os.environ | {"STAGES_IMAGE": "image"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == {"worker-0", "worker-1"}


def test_the_pods_of_the_job_have_the_names_that_its_cluster_has() -> None:
    service, job = read("job.yaml")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    name = job["metadata"]["name"]
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", spec["parallelism"])
    assert service["spec"]["selector"] == {"job-name": name}
    assert pod["subdomain"] == service["metadata"]["name"]
    [container] = pod["containers"]
    script = container["command"][-1].replace("exec ", "echo ")
    for index in range(spec["completions"]):
        done = subprocess.run(
            ["bash", "-euc", script + '\necho "$TF_CONFIG"'],
            env={"JOB_COMPLETION_INDEX": str(index), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        command, config = done.stdout.splitlines()
        assert command == ("python -P -m dvc repro train", "stages/run --peer train")[index]
        found = json.loads(config)
        assert found["task"] == {"type": "worker", "index": index}
        assert found["cluster"]["worker"] == [
            f"{name}-{i}.{pod['subdomain']}:2222" for i in range(spec["completions"])
        ]


def test_slurm_s_tasks_make_what_the_makefile_has() -> None:
    script = (EXAMPLES / "train.sbatch").read_text("utf-8")
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    targets = set(re.findall(r"exec make (\w+)", script))
    assert targets == {"repro", "worker"}
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{target}: ", makefile, re.M) for target in targets)
    if shutil.which("sbatch") and subprocess.run(["sinfo"], capture_output=True).returncode == 0:  # noqa: PLW1510
        command = ["sbatch", "--test-only", str(EXAMPLES / "train.sbatch")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Clone the project as it lies here, to train for 100 steps; its data is prepared."""
    root = tmp_path / "a clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True)
    for path in filter(None, listed.stdout.decode().split("\0")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / path, root / path)
    (root / ".venv").symlink_to(Path(sys.executable).parent.parent)
    params = (root / "params.yaml").read_text("utf-8")
    params = re.sub("(?m)^  steps: .*", "  steps: 100", params).replace("0.96 ", "0.1 ")
    (root / "params.yaml").write_text(params, "utf-8")
    run(root, "git", "init", "-q")
    run(root, "make", "repro", "ENGINE=bwrap", "DVC_FLAGS=preprocess")
    return root


def run(root: Path, *command: str, **environ: str) -> str:
    done = subprocess.run(
        command, cwd=root, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    said = done.stdout + "".join(path.read_text("utf-8") for path in root.glob("train-*.log"))
    assert done.returncode == 0, said + done.stderr
    return said


def require_bytes_of_one(root: Path, said: str) -> None:
    """Train again, alone: that gives the bytes that two workers have given."""
    assert sorted(re.findall(r"\bworker ([01]) of 2\b", said)) == ["0", "1"]
    together = (root / "models/model.keras").read_bytes()
    run(root, ".venv/bin/dvc", "repro", "-f", "--single-item", "train", STAGE_ENGINE="bwrap")
    assert (root / "models/model.keras").read_bytes() == together


@pytest.mark.slow
def test_two_tasks_of_slurm_train_the_bytes_of_one(clone: Path, tmp_path: Path) -> None:
    with slurm_cluster.running(tmp_path) as cluster:
        said = run(clone, "sbatch", "--wait", "examples/train.sbatch", **cluster.environment)
    require_bytes_of_one(clone, said)


@pytest.mark.slow
def test_two_containers_of_compose_train_the_bytes_of_one(clone: Path) -> None:
    user = f"{os.getuid()}:{os.getgid()}"
    mine = {"STAGES_IMAGE": require_image(), "STAGES_USER": user}
    words = [*compose(), "-f", "examples/compose.yaml"]
    try:
        said = run(clone, *words, "up", "--no-color", **mine)
    finally:
        run(clone, *words, "down", **mine)
    require_bytes_of_one(clone, said)


def test_the_stage_sees_what_the_examples_and_slurm_set() -> None:
    settings = STAGES["train"]["meta"]["sealed"]
    seen = {*settings["peers"], *settings["resources"]}
    assert {"TF_CONFIG", "WORKERS_TIMEOUT"} <= seen
    read = re.findall(r"SLURM\w+", (PROJECT / "src/mnist/machine/cluster.py").read_text("utf-8"))
    assert set(read) <= seen
