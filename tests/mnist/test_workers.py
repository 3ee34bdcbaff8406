"""Workers: one digest for any number of them, killed and gone on with by others; trouble told."""

import functools
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import samples
from mnist.errors import UserError
from mnist.machine import cluster
from mnist.machine.cluster import Cluster

HERE = Path(__file__).parent
TWO = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
STEP = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_PROCID": "2",
    "SLURM_JOB_ID": "301",
    "SLURMD_NODENAME": "node2",
}


def found(script: str, *words: str, **environ: str) -> list[str]:
    """Run a script of this folder; return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1500,
    )
    return done.stdout.splitlines()


@pytest.mark.takes(150, "TensorFlow starts once more, and each worker compiles the network")
@pytest.mark.parametrize(
    ("steps", "counts"),
    [("30", ["1", "2"]), pytest.param("400", ["1", "4", "8"], marks=pytest.mark.slow)],
)
def test_any_number_of_workers_writes_the_bytes_of_one_and_all_hold_its_weights(
    tmp_path: Path, steps: str, counts: list[str]
) -> None:
    lines = found("together.py", str(tmp_path), "0", *counts, TRAINING_STEPS=steps)
    assert len(lines) == len(counts)
    assert len(set(lines)) == 1
    assert len(lines[0].split()) == 2  # what worker 0 wrote, and one digest of all weights


@pytest.mark.slow
@pytest.mark.fault(90)
def test_workers_killed_at_random_and_gone_on_with_by_another_number_end_in_the_same_bytes(
    tmp_path: Path,
) -> None:
    seed = samples.seed()
    chance = random.Random(seed)
    words = ["{}-{}".format(*chance.sample([1, 2, 4], 2)) for _ in range(samples.many(3))]
    whole, *killed = found("together.py", str(tmp_path), str(seed), "1", *words)
    assert len(killed) == len(words)
    for line in killed:
        wrote, weights, *steps = line.split()  # none where it was killed before a checkpoint
        assert f"{wrote} {weights}" == whole
        assert all(int(step) >= 100 for step in steps)


TOGETHER = ("other", "absent", "taken", "killed-1")  # TensorFlow starts once for all of them


@functools.cache
def played(cases: tuple[str, ...]) -> dict[str, list[Any]]:
    return dict(json.loads(line) for line in found("trouble.py", *cases))


@pytest.mark.parametrize(
    ("case", "said", "most"),
    [
        # at once: a worker waits for another 20 seconds, 5 where it is known that none comes
        pytest.param("other", ["expected what worker 0 .* sees, found other data"] * 2, 15),
        pytest.param("absent", ["expected all 2 workers within 5 s, found no answer from wo"], 45),
        pytest.param("taken", ["expected all 2 workers", "expected a port of its own to lis"], 45),
        pytest.param("stranger", ["expected all 2 workers within"], 45, marks=pytest.mark.slow),
        pytest.param("killed-0", [r"lost worker 0 \(127.0.0.1"], 15, marks=pytest.mark.slow),
        pytest.param("killed-1", [r"lost worker 1 \(127.0.0.1"], 15),
        pytest.param("stopped-0", ["lost worker 0"], 45, marks=pytest.mark.slow),
        pytest.param("stopped-1", ["lost worker 1"], 45, marks=pytest.mark.slow),
    ],
)
@pytest.mark.takes(20, "TensorFlow starts once more, and seven workers wait for each other")
@pytest.mark.fault(91)
def test_each_worker_says_in_one_line_what_ended_it_in_bounded_time(
    case: str, said: list[str], most: int
) -> None:
    ends = played(TOGETHER)[case] if case in TOGETHER else played((case,))[case]
    left = [end for end in ends if end[0] != -9]
    for (status, seconds, words), expected in zip(left, said, strict=True):
        assert (status, seconds < most) == (2, True), ends
        assert re.match(rf"worker \d \(127\.0\.0\.1:\d+\): {expected}", words), words


def test_without_tf_config_or_a_step_of_slurm_a_training_is_alone() -> None:
    assert cluster.find({}) is None
    assert cluster.find({"SLURM_STEP_NUM_TASKS": "1", "SLURM_JOB_ID": "7"}) is None
    one = TWO | {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    assert cluster.find({"TF_CONFIG": json.dumps(one)}) is None


def test_tf_config_names_the_workers_and_which_this_is() -> None:
    environ = {"TF_CONFIG": json.dumps(TWO), "WORKERS_TIMEOUT": "7"}
    assert cluster.find(environ) == Cluster(("a:1", "b:2"), 1, 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "found in all of it: Invalid JSON"),
        ("{}", "found in cluster: Field required"),
        (json.dumps(TWO | {"task": {"type": "ps", "index": 0}}), "found in task.type"),
        (json.dumps(TWO | {"cluster": {"worker": ["a"]}}), r"found in cluster\.worker\.0"),
        (json.dumps(TWO | {"task": {"type": "worker", "index": 2}}), "found index 2 and a:1, b:2"),
        (json.dumps(TWO | {"cluster": {"worker": ["a:1", "a:1"]}}), "found index 1 and a:1, a:1"),
    ],
)
def test_a_tf_config_that_names_no_workers_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"^TF_CONFIG: expected .*{said}"):
        cluster.find({"TF_CONFIG": text})


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the variables of a step of Slurm, which TensorFlow reads itself."""
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("step")
def test_a_step_of_slurm_is_a_cluster_whose_ports_are_the_job_s() -> None:
    assert cluster.find() == Cluster(("node1:12064", "node1:12065", "node2:12064"), 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SLURM_STEP_NODELIST": ""}, "expected the variables of a step"),
        ({"SLURM_PROCID": "7"}, "expected the variables of a step"),
        ({"SLURM_PROCID": "-1"}, "expected the variables of a step"),
        ({"SLURM_STEP_NUM_TASKS": "three"}, "expected the variables of a step"),
        ({"SLURM_STEP_NUM_TASKS": "0"}, "expected the variables of a step"),
        ({"SLURM_JOB_ID": "-"}, "expected the variables of a step"),
        ({"SLURMD_NODENAME": "node1"}, "expected task 2 on node2, .* found it on node1"),
    ],
)
def test_a_step_of_slurm_that_makes_no_cluster_is_refused(
    step: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    for name, value in change.items():
        step.setenv(name, value)
    with pytest.raises(UserError, match=rf"^Slurm: {said}"):
        cluster.find()


@pytest.mark.parametrize("seconds", ["soon", "0", "nan", "1e9"])
def test_a_time_to_wait_that_is_none_is_refused(seconds: str) -> None:
    with pytest.raises(UserError, match="WORKERS_TIMEOUT: expected 1 to 86400 seconds, found"):
        cluster.find({"TF_CONFIG": json.dumps(TWO), "WORKERS_TIMEOUT": seconds})
