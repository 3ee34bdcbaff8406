"""What seeds alone do: one real DVC experiment a seed, and whose spread it is."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import leftovers
from dvcproject.errors import ProjectError
from review import experiments, spread
from review.__main__ import run
from review.verdict.seeds import digest
from small_project import SmallProject, dvc

SOURCE = Path(__file__).parents[2] / "src"
CHOICES = ["--param", "train.seed", "--metric", "accuracy"]
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


def test_the_digest_is_that_of_all_params_but_the_seed_that_is_turned() -> None:
    params: dict[str, Any] = {"preprocess.seed": 1, "train.seed": 1, "train.steps": 9}
    same = {"train.steps": 9, "train.seed": 2, "preprocess.seed": 1}
    assert digest(params, "train.seed") == digest(same, "train.seed")
    assert digest(params, "preprocess.seed") != digest(params, "train.seed")
    for other in (
        params | {"preprocess.seed": 2},
        params | {"train.steps": 8},
        params | {"new": 1},
    ):
        assert digest(other, "train.seed") != digest(params, "train.seed")


def test_a_summary_by_hand() -> None:
    """The mean of 1, 2, 3 thousandths is 2, their standard deviation (n - 1) is 1."""
    found = spread.summarize({2: 0.902, 1: 0.901, 3: 0.903}, {}, "train.seed", "accuracy")
    assert list(found["value_of_seed"].items()) == [("1", 0.901), ("2", 0.902), ("3", 0.903)]
    assert (found["mean"], found["sd"], found["n"]) == (0.902, 0.001, 3)
    assert (found["param"], found["metric"]) == ("train.seed", "accuracy")


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("accuracy", 0.9), ("a.json:accuracy", 0.9), ("deep.loss", 2.0), ("nothing", None)],
)
def test_a_metric_is_found_by_its_name(metric: str, expected: float | None) -> None:
    files: dict[str, Any] = {"a.json": {"accuracy": 0.9, "deep": {"loss": 2}}, "b.json": {"f1": 1}}
    metrics = {path: {"data": data} for path, data in files.items()}
    entry = {
        "name": "s-1",
        "executor": {"state": "success"},
        "revs": [{"data": {"metrics": metrics}}],
    }
    table = [{"experiments": [entry]}]
    assert spread.values(table, "s", metric) == ({} if expected is None else {1: expected})
    files["b.json"]["accuracy"] = 1
    with pytest.raises(
        ProjectError, match=r"accuracy: expected one file, found a\.json, b\.json; FILE:acc"
    ):
        spread.values(table, "s", "accuracy")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return made(tmp_path_factory.mktemp("spread"), SCRIPT)


def made(folder: Path, script: str) -> SmallProject:
    project = SmallProject(folder)
    project.write("dvc.yaml", PIPELINE)
    project.write("run.sh", script)
    project.write("params.yaml", "train:\n  steps: 9\n  seed: 1\n")
    project.git("config", "user.name", "me")
    project.git("config", "user.email", "me@here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNS", os.devnull)
        dvc(project.root, "repro", "-q")
    project.commit()
    return project


def runs(project: SmallProject) -> Path:
    return project.root.parent / "runs"


def command(project: SmallProject, seeds: int, *words: str) -> subprocess.CompletedProcess[str]:
    with started(project, seeds, *words) as process:
        out, err = process.communicate()  # and to the end of DVC's worker, which has them too
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def started(project: SmallProject, seeds: int, *words: str) -> subprocess.Popen[str]:
    """Start a spread in a session of its own, as a terminal has one."""
    env = {
        "PYTHONPATH": str(SOURCE),
        "DVC_SITE_CACHE_DIR": str(project.root / ".dvc/site"),
        "RUNS": str(runs(project)),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    heard = ("env", "--default-signal=INT")  # which a job in the background has ignored
    spread = [sys.executable, "-m", "review", "spread", "--seeds", str(seeds)]
    argv = [*heard, *spread, *CHOICES, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        argv,
        cwd=project.root,
        env=os.environ | env,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_each_seed_is_an_experiment_that_dvc_lists(project: SmallProject) -> None:
    params = (project.root / "params.yaml").read_text()
    done = command(project, 3)
    assert done.returncode == 0, done.stderr
    assert "accuracy 0.9020 ± 0.0010 (sd of 3 seeds)" in done.stdout
    assert "Ran experiment" not in done.stdout
    found = json.loads((project.root / "metrics/spread.json").read_text())
    assert found["value_of_seed"] == {"1": 0.901, "2": 0.902, "3": 0.903}
    assert found["params_digest"] == digest({"train.steps": 9}, "train.seed")
    listed = dvc(project.root, "exp", "list", "--name-only").split()
    assert sorted(listed) == [f"spread-{found['params_digest'][:8]}-{seed}" for seed in (1, 2, 3)]
    assert (project.root / "params.yaml").read_text() == params


@pytest.mark.slow
def test_two_seeds_at_once_give_the_same_spread(project: SmallProject) -> None:
    written = []
    for jobs in ("1", "2"):
        done = command(project, 3, "--jobs", jobs)
        assert done.returncode == 0, done.stderr
        written.append((project.root / "metrics/spread.json").read_bytes())
    assert written[0] == written[1]


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


@pytest.mark.slow
@pytest.mark.fault(106)
def test_where_the_workers_of_the_queue_are_killed_it_ends_and_can_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """DVC by itself waits for ever, and calls what they ran running."""
    hang = "[ -e ../started ] || { touch ../started; sleep 300; }"  # the first experiment
    project = made(tmp_path, f"{SCRIPT}case $PWD in */exps/*) {hang} ;; esac\n")
    leftovers.adopt_orphans(adopt=False)  # DVC takes the zombie of a worker for a live one
    request.addfinalizer(leftovers.adopt_orphans)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(project.root / ".dvc/site"))
    monkeypatch.setenv("RUNS", os.devnull)
    monkeypatch.setattr(experiments, "LOOK_SECONDS", 2)
    killer = Thread(target=kill_workers, args=(project.root,), daemon=True)
    killer.start()
    with pytest.raises(ProjectError, match=r"the workers of DVC's queue are gone") as told:
        run(["spread", "--seeds", "2", "--jobs", "2", *CHOICES])
    killer.join()
    assert not (project.root / "metrics/spread.json").exists()
    advice = re.fullmatch(
        ".*; `dvc (queue kill spread-[^ ]+-2)` ends what they left, once more and DVC knows it",
        str(told.value),
    )
    assert advice
    dvc(project.root, *advice[1].split())
    assert "Running" in dvc(project.root, "queue", "status")
    deadline = time.monotonic() + 120
    while "Failed" not in dvc(project.root, "queue", "status"):  # once it has ended
        assert time.monotonic() < deadline
        time.sleep(1)
        dvc(project.root, *advice[1].split())
    run(["spread", "--seeds", "2", "--jobs", "2", *CHOICES])
    assert (project.root / "metrics/spread.json").exists()


def kill_workers(root: Path) -> None:
    """Kill the workers of a project's queue once each has something to run."""
    while not (root / ".dvc/tmp/exps/started").exists():
        time.sleep(0.1)
    while "Success" not in dvc(root, "queue", "status"):  # the other one
        time.sleep(1)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"queue-worker" in words and (process / "cwd").resolve().is_relative_to(root):
                os.kill(int(process.name), signal.SIGKILL)


def test_one_seed_is_no_spread(tmp_path: Path) -> None:
    done = command(SmallProject(tmp_path), 1)
    assert (done.returncode, done.stderr) == (2, "spread: --seeds: expected 2 to 1000, found 1\n")


@pytest.mark.parametrize("jobs", ["0", "-1"])
def test_no_job_at_once_is_refused(tmp_path: Path, jobs: str) -> None:
    done = command(SmallProject(tmp_path), 2, f"--jobs={jobs}")
    said = f"spread: --jobs: expected 1 or more, found {jobs}\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_path_that_dvc_cannot_write_is_refused_before_its_queue_waits_for_ever(
    tmp_path: Path,
) -> None:
    project = SmallProject(tmp_path / "à moi")
    project.write("dvc.yaml", PIPELINE)
    project.write("params.yaml", "train:\n  seed: 1\n")
    done = command(project, 2)
    said = f"spread: DVC's queue needs a path of ASCII characters, found {project.root}; "
    assert (done.returncode, done.stderr) == (2, said + "move the project\n")


@pytest.mark.fault(135)
def test_an_experiment_is_not_led_to_the_repository_that_a_hook_is_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DVC runs it in a folder of its own, which is another repository."""
    monkeypatch.setenv("GIT_DIR", "/elsewhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/.git/index")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "me")
    found = experiments.environment()
    assert not {"GIT_DIR", "GIT_INDEX_FILE"} & found.keys()
    assert found["GIT_AUTHOR_NAME"] == "me"


@pytest.fixture
def recorded(tmp_path: Path) -> SmallProject:
    """Write a project and the record of five seeds of its recipe, without DVC."""
    project = SmallProject(tmp_path)
    project.write("dvc.yaml", PIPELINE)
    project.write("params.yaml", "train:\n  steps: 9\n  seed: 1\n")
    of_seeds = {seed: 0.9 + seed / 1000 for seed in range(1, 6)}
    record = spread.summarize(of_seeds, {"train.steps": 9}, "train.seed", "accuracy")
    project.write_json("metrics/spread.json", record)
    return project


@pytest.mark.fault(139)
def test_a_record_of_more_seeds_is_not_replaced(recorded: SmallProject) -> None:
    before = (recorded.root / "metrics/spread.json").read_text()
    done = command(recorded, 2)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "spread: metrics/spread.json: expected 5 seeds or more, as in the record there, found 2; "
        "ask for as many, name another file with --output, or run `rm metrics/spread.json`\n"
    )
    assert (recorded.root / "metrics/spread.json").read_text() == before


@pytest.mark.fault(139)
@pytest.mark.parametrize(
    ("seeds", "steps", "output"),
    [(2, 8, "metrics/spread.json"), (2, 9, "other.json"), (5, 9, "metrics/spread.json")],
)
def test_a_record_of_other_params_is_replaced_with_a_message(
    recorded: SmallProject, monkeypatch: pytest.MonkeyPatch, seeds: int, steps: int, output: str
) -> None:
    recorded.write("params.yaml", f"train:\n  steps: {steps}\n  seed: 1\n")
    monkeypatch.chdir(recorded.root)
    found = dict.fromkeys(range(1, seeds + 1), 0.9)
    monkeypatch.setattr(spread, "run_experiments", lambda *_: found)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run(["spread", "--seeds", str(seeds), "--output", output, *CHOICES])
    said = "metrics/spread.json: the record of 5 seeds of other params, or of another metric, will"
    assert (said in printed.getvalue()) == (steps == 8)
    assert json.loads((recorded.root / output).read_text())["n"] == seeds
