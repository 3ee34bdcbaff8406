"""A model below the gate fails the run and keeps its numbers; what cannot be judged is told."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import forked

PROJECT = Path(__file__).parents[2]
METRICS = {"evaluation.json", "predictions.csv", "train.json", "curve.csv", "worst_mistakes.png"}
TINY = ("train.steps=1", "model.blocks=[[1]]", "model.dense=[1]")


def gate(root: Path, *words: str, least: float = 0.9) -> tuple[int, str, str]:
    (root / "params.yaml").write_text(f"gate: {{minimum_accuracy: {least}}}\n", encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(PROJECT / "src")}
    done = forked.run("mnist.gate", *words, cwd=root, env=env, imported=("mnist.params.gate",))
    return done.returncode, done.stdout, done.stderr


def write(root: Path, content: bytes) -> None:
    (root / "models").mkdir()
    (root / "models/model.keras").touch()
    (root / "metrics").mkdir()
    (root / "metrics/evaluation.json").write_bytes(content)


@pytest.mark.parametrize("accuracy", ["0.9", "0.95", "1"])
def test_a_model_that_is_good_enough_passes(tmp_path: Path, accuracy: str) -> None:
    write(tmp_path, f'{{"accuracy": {accuracy}}}'.encode())
    line = f"gate: test accuracy {accuracy}, at least 0.9 as gate.minimum_accuracy asks\n"
    assert gate(tmp_path) == (0, line, "")


@pytest.mark.fault(42)
def test_a_model_below_the_gate_is_told_with_both_numbers(tmp_path: Path) -> None:
    write(tmp_path, b'{"accuracy": 0.899}')
    status, out, line = gate(tmp_path)
    assert (status, out) == (1, "")
    assert line == (
        "gate: expected a test accuracy of at least 0.9 (gate.minimum_accuracy in params.yaml), "
        "found 0.899; all that was measured is kept in metrics/\n"
    )


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "Expecting value"),
        (b'{"accuracy": 0.97', "Expecting ',' delimiter"),
        (b'{"accuracy": NaN}', "nan"),
        (b'{"accuracy": Infinity}', "inf"),
        (b'{"accuracy": "0.97"}', "'0.97'"),
        (b'{"accuracy": true}', "True"),
        (b'{"accuracy": 1.5}', "1.5"),
        (b'{"accuracy": null}', "None"),
        (b'{"accuracy": 1e999}', "inf"),
        (
            b'{"accuracy": ' + b"9" * 5000 + b"}",
            "a whole number of more than 4300 characters; delete",
        ),
        (b"{}", "None"),
        (b"[0.97]", "None"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, "too many levels"),
    ],
)
def test_what_cannot_be_judged_is_neither_good_nor_bad(
    tmp_path: Path, content: bytes, found: str
) -> None:
    write(tmp_path, content)
    status, out, line = gate(tmp_path)
    assert (status, out) == (2, "")
    expected = "metrics/evaluation.json: expected an `accuracy` of 0 to 1, found "
    assert line.startswith(expected + found)
    assert len(line.splitlines()) == 1


@pytest.mark.fault(43)
def test_a_missing_evaluation_is_told(tmp_path: Path) -> None:
    write(tmp_path, b"")
    (tmp_path / "metrics/evaluation.json").unlink()
    line = "metrics/evaluation.json: no such file; run `make repro`\n"
    assert gate(tmp_path) == (2, "", line)


@pytest.mark.fault(44)
def test_make_repro_judges_params_yaml_before_dvc_starts(tmp_path: Path) -> None:
    """Nothing of the last run is touched: what DVC would remove first is still there."""
    for name in ("src", "stages"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(PROJECT / name, tmp_path)
    text = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("seed:", "sead:"), encoding="utf-8")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    done = make(tmp_path, "repro")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:4] == [
        "params.yaml: preprocess.seed: the key is missing; add it",
        "params.yaml: preprocess.sead: unknown key; known are size, colour, fit, "
        "validation_one_in, seed",
        "params.yaml: train.seed: the key is missing; add it",
        next(line for line in done.stderr.splitlines() if "train.sead: unknown key" in line),
    ]


def make(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run make with the environment as it is."""
    return subprocess.run(
        ["make", *arguments],
        cwd=root,
        env=os.environ | {"STAGE_ENGINE": "host"},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commit a copy of the project, as somebody has it who just cloned it."""
    root = tmp_path_factory.mktemp("gate") / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True)
    for path in filter(None, listed.stdout.decode().split("\0")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / path, root / path)
    (root / ".venv").symlink_to(Path(sys.executable).parent.parent)
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all of it"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    return root


def dvc(root: Path, *arguments: str) -> str:
    env = os.environ | {"STAGE_ENGINE": "host", "DVC_SITE_CACHE_DIR": str(root / ".dvc/tmp/site")}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.fault(42)
@pytest.mark.slow
def test_a_half_good_model_keeps_its_numbers_and_fails_make_repro(clone: Path) -> None:
    """What a newcomer tries first: an experiment of a few steps, far below the gate."""
    sets = [word for change in TINY for word in ("-S", change)]
    dvc(clone, "exp", "run", "--name", "tiny", *sets)
    measured = json.loads((clone / "metrics/evaluation.json").read_text(encoding="utf-8"))
    assert measured["accuracy"] < 0.5
    assert {path.name for path in (clone / "metrics").iterdir()} >= METRICS
    workspace, head = json.loads(dvc(clone, "exp", "show", "--json"))
    [tiny] = [one for one in head["experiments"] if one["name"] == "tiny"]
    for state in (workspace, tiny["revs"][0]):
        shown: dict[str, Any] = state["data"]["metrics"]["metrics/evaluation.json"]
        assert shown == {"data": measured}

    done = make(clone, "repro")
    assert done.returncode == 2
    assert "Data and pipelines are up to date." in done.stdout
    assert f"found {measured['accuracy']}; all that was measured is kept" in done.stderr
    (clone / "params.yaml").write_text(
        (clone / "params.yaml").read_text(encoding="utf-8").replace("0.96", "0.01"),
        encoding="utf-8",
    )
    done = make(clone, "repro")
    assert (done.returncode, done.stderr) == (0, "")
    changes = json.loads(dvc(clone, "params", "diff", "--json"))["params.yaml"]
    assert changes["gate.minimum_accuracy"]["new"] == 0.01


@pytest.mark.fault(128)
def test_committed_metrics_without_their_model_pass_no_gate(tmp_path: Path) -> None:
    write(tmp_path, b'{"accuracy": 0.99}')
    (tmp_path / "models/model.keras").unlink()
    line = (
        "models/model.keras: expected the model that metrics/evaluation.json is of, found no such "
        "file; run `make repro`, or `make pull` if a DVC remote has it\n"
    )
    assert gate(tmp_path) == (2, "", line)
    assert gate(tmp_path, "--if-trained") == (0, "", ""), "as after `make repro` of a part"
