"""What seeds alone do: one real DVC experiment a seed, and whose spread it is."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from review import spread
from small_project import SmallProject
from test_pipeline import dvc

SOURCE = Path(__file__).parents[2] / "src"
PIPELINE = """\
stages:
  evaluate:
    cmd: sh run.sh
    deps: [run.sh]
    params: [train]
    metrics: [metrics/evaluation.json: {cache: false}]
"""
# The accuracy of seed N is 0.90N; a fourth seed fails.
SCRIPT = """\
seed=$(sed -n 's/.*seed: //p' params.yaml)
[ "$seed" != 4 ] || { echo "seed 4 fails" >&2; exit 1; }
echo "$seed" >> "$RUNS"
mkdir -p metrics
echo "{\\"accuracy\\": 0.90$seed}" > metrics/evaluation.json
"""


def test_the_digest_is_that_of_all_params_but_the_seed_of_the_training_and_the_gate() -> None:
    params: dict[str, Any] = {"preprocess": {"seed": 1}, "train": {"seed": 1, "steps": 9}}
    same = {"train": {"steps": 9, "seed": 2}, "preprocess": {"seed": 1}, "gate": {"minimum": 1}}
    assert spread.digest(params) == spread.digest(same)
    for other in (
        {"preprocess": {"seed": 2}, "train": {"seed": 1, "steps": 9}},
        {"preprocess": {"seed": 1}, "train": {"seed": 1, "steps": 8}},
        {"preprocess": {"seed": 1}, "train": {"seed": 1, "steps": 9}, "new": 1},
    ):
        assert spread.digest(other) != spread.digest(params)


def test_a_summary_by_hand() -> None:
    """The mean of 1, 2, 3 thousandths is 2, their standard deviation (n - 1) is 1."""
    found = spread.summarize({2: 0.902, 1: 0.901, 3: 0.903}, {})
    assert list(found["accuracy_of_seed"].items()) == [("1", 0.901), ("2", 0.902), ("3", 0.903)]
    assert (found["mean"], found["sd"], found["n"]) == (0.902, 0.001, 3)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    project = SmallProject(tmp_path_factory.mktemp("spread"))
    project.write("dvc.yaml", PIPELINE)
    project.write("run.sh", SCRIPT)
    project.write("params.yaml", "train:\n  steps: 9\n  seed: 1\n")
    project.git("config", "user.name", "me")
    project.git("config", "user.email", "me@here")
    dvc(project.root, "init", "-q")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNS", os.devnull)
        dvc(project.root, "repro", "-q")
    project.commit()
    return project


def runs(project: SmallProject) -> Path:
    return project.root.parent / "runs"


def command(project: SmallProject, seeds: int) -> subprocess.CompletedProcess[str]:
    env = {
        "PYTHONPATH": str(SOURCE),
        "DVC_SITE_CACHE_DIR": str(project.root / ".dvc/site"),
        "RUNS": str(runs(project)),
    }
    argv = [sys.executable, "-m", "review.spread", "--seeds", str(seeds)]
    return subprocess.run(
        argv, cwd=project.root, env=os.environ | env, check=False, capture_output=True, text=True
    )


@pytest.mark.slow
def test_each_seed_is_an_experiment_that_dvc_lists(project: SmallProject) -> None:
    params = (project.root / "params.yaml").read_text()
    done = command(project, 3)
    assert done.returncode == 0, done.stderr
    assert "accuracy 0.9020 ± 0.0010 (sd of 3 seeds)" in done.stdout
    found = json.loads((project.root / "metrics/spread.json").read_text())
    assert found["accuracy_of_seed"] == {"1": 0.901, "2": 0.902, "3": 0.903}
    assert found["params_digest"] == spread.digest({"train": {"steps": 9}})
    listed = dvc(project.root, "exp", "list", "--name-only").split()
    assert sorted(listed) == [f"spread-{found['params_digest'][:8]}-{seed}" for seed in (1, 2, 3)]
    assert (project.root / "params.yaml").read_text() == params


@pytest.mark.slow
def test_a_seed_that_fails_is_named_and_nothing_written(project: SmallProject) -> None:
    """The other three come from the cache, under names that experiments have by then."""
    (project.root / "metrics/spread.json").unlink(missing_ok=True)
    done = command(project, 4)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert re.match(r"spread: no accuracy of spread-\w+-4; ", last)
    assert "`dvc queue logs spread-" in last
    assert not (project.root / "metrics/spread.json").exists()
    assert runs(project).read_text().split() == ["2", "3"]


def test_one_seed_is_no_spread(tmp_path: Path) -> None:
    done = command(SmallProject(tmp_path), 1)
    assert (done.returncode, done.stderr) == (2, "spread: --seeds: expected 2 to 1000, found 1\n")


def test_a_path_that_dvc_cannot_write_is_refused_before_its_queue_waits_for_ever(
    tmp_path: Path,
) -> None:
    project = SmallProject(tmp_path / "à moi")
    project.write("params.yaml", "train:\n  seed: 1\n")
    done = command(project, 2)
    said = f"spread: DVC's queue needs a path of ASCII characters, found {project.root}; "
    assert (done.returncode, done.stderr) == (2, said + "move the project\n")
