"""The examples are what compose, Slurm and Kubernetes read, and start what there is to start."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealed.launch import PEER

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
        ["stages/run", PEER, "train"],
    ]


def test_compose_reads_its_example() -> None:
    new = (
        shutil.which("docker")
        and b"compose"
        in subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        ).stdout.lower()
    )
    program = ["docker", "compose"] if new else ["docker-compose"]
    if not new and not shutil.which(program[0]):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no docker compose")
    done = subprocess.run(
        [*program, "-f", str(EXAMPLES / "compose.yaml"), "config"],
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
        assert command == ("python -P -m dvc repro train", f"stages/run {PEER} train")[index]
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


def test_the_stage_sees_what_the_examples_and_slurm_set() -> None:
    settings = STAGES["train"]["meta"]["sealed"]
    seen = {*settings["peers"], *settings["environment"]}
    assert {"TF_CONFIG", "WORKERS_TIMEOUT"} <= seen
    read = re.findall(r"SLURM\w+", (PROJECT / "src/mnist/machine/cluster.py").read_text("utf-8"))
    assert set(read) <= seen
