"""What git holds runs again: equal, different as it may be, different as it may not be."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import forked
from review.retrain import snapshot

PROJECT = Path(__file__).parents[2]
PIPELINE = """
stages:
  train:
    cmd: python3 train.py
    deps: [train.py]
    params: [train.reproducible]
    outs: [model]
    plots:
      - metrics/predictions.csv: {cache: false, template: confusion, x: actual, y: predicted}
    meta:
      sealed: {records: [metrics/environment.json]}
"""
TRAIN = """
import hashlib, json, os
noise = os.environ.get("NOISE", "")
open("model", "w").write("weights" + noise)
other = 8 if noise else 3
open("metrics/predictions.csv", "w").write(
    f"index,actual,predicted,probability\\n0,1,1,0.9\\n1,3,{other},0.7{noise}\\n")
platform = json.loads(os.environ["PLATFORM"])
platform["of"] = {"model": hashlib.md5(open("model", "rb").read()).hexdigest()}
open("metrics/environment.json", "w").write(json.dumps(platform))
"""
CHOICES = ["--portable-unless=train.reproducible=machine", "--needs-flag=avx2"]
PLATFORM: dict[str, Any] = {
    "python": "3.11.7",
    "packages": {"tensorflow": "2.21.0"},
    "processor": "AMD EPYC",
    "flags": ["avx2"],
    "cores": 2,
    "gpus": [],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project that has run, committed."""
    root = tmp_path_factory.mktemp("built") / "here"
    (root / "metrics").mkdir(parents=True)
    (root / ".dvc").mkdir()
    (root / ".dvc/config").touch()
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")  # as `dvc init` does
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "train.py").write_text(TRAIN)
    (root / "params.yaml").write_text("train: {reproducible: portable}\n")
    (root / ".venv").symlink_to(sys.prefix)
    (root / ".gitignore").write_text("/.venv\n/model\n")
    run(root, "git", "init", "-q")
    run(root, sys.executable, "-m", "dvc", "repro", "-q")
    commit(root)
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "here", symlinks=True))


def commit(root: Path) -> None:
    run(root, "git", "add", ".")
    run(
        root,
        "git",
        "-c",
        "user.name=me",
        "-c",
        "user.email=me@here",
        "commit",
        "--allow-empty",
        "-qm",
        "all",
    )


def run(
    root: Path, *command: str, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(root.parent / "site"),
        "PYTHONPATH": str(PROJECT / "src"),  # the stage may have another Python
        "PLATFORM": json.dumps(PLATFORM),
    }
    environment |= variables
    if command[:2] == (sys.executable, "-m"):
        done = forked.run(*command[2:], cwd=root, env=environment)
        if check:
            done.check_returncode()
        return done
    return subprocess.run(
        command, cwd=root, env=environment, check=check, capture_output=True, text=True
    )


def verify(root: Path, **variables: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "review", "retrain", *CHOICES)
    done = run(root, *command, check=False, **variables)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "verify:" in line]
    return done.returncode, "\n".join(lines)


def test_equal_bytes_are_said_with_the_platform_and_what_is_not_committed(root: Path) -> None:
    (root / "train.py").write_text("raise SystemExit('not committed')")
    status, said = verify(root)
    assert status == 0
    assert "HEAD is verified, without what is not committed: train.py" in said
    expected = "verify: 2 outputs of a clean copy are the same bytes, on AMD EPYC, Python 3.11.7, "
    assert expected + "tensorflow 2.21.0" in said


def test_other_bytes_where_they_are_promised_fail_and_are_named(root: Path) -> None:
    status, said = verify(root, NOISE="5")
    assert status == 1
    assert "expected the bytes that dvc.lock names, found others: metrics/predictions.csv, " in said
    assert "1 of 2 rows are read as another class, " in said
    assert "the probability differs by 0.050000 at most" in said


@pytest.mark.parametrize(
    ("changed", "reproducible", "why"),
    [
        (
            {"packages": {"tensorflow": "3.0"}},
            "portable",
            "packages tensorflow 2.21.0 then, tensorflow 3.0 now",
        ),
        ({"gpus": ["H100"]}, "portable", "GPUs none then, H100 now"),
        ({"flags": []}, "portable", "no AVX2 now"),
        ({"processor": "Xeon"}, "machine", "processor AMD EPYC then, Xeon now"),
        ({"processor": "Xeon", "cores": 8}, "portable", ""),
    ],
)
def test_a_platform_that_promises_no_bytes_is_an_excuse_and_another_none(
    root: Path, changed: dict[str, Any], reproducible: str, why: str
) -> None:
    (root / "params.yaml").write_text(f"train: {{reproducible: {reproducible}}}\n")
    commit(root)
    status, said = verify(root, NOISE="5", PLATFORM=json.dumps(PLATFORM | changed))
    assert status == (0 if why else 1)
    if why:
        assert f"differ, where the same bytes are not promised: {why}; 1 of 2 rows" in said


@pytest.mark.fault(39)
def test_the_record_of_another_model_excuses_nothing(root: Path) -> None:
    """As it lies there where the model was restored from the run cache."""
    record = json.loads((root / "metrics/environment.json").read_text())
    record |= {"of": {"model": "0" * 32}, "packages": {"tensorflow": "3.0"}}
    (root / "metrics/environment.json").write_text(json.dumps(record))
    commit(root)
    assert verify(root)[0] == 0
    status, said = verify(root, NOISE="5")
    assert status == 1
    assert "what HEAD was made on is not known: no metrics/environment.json of this model; " in said


@pytest.mark.fault(39)
def test_a_model_that_dvc_restores_lies_beside_the_record_of_another(root: Path) -> None:
    repro = (sys.executable, "-m", "dvc", "repro", "-q")
    assert snapshot(root).platform == PLATFORM
    (root / "train.py").write_text(TRAIN + "# other\n")
    run(root, *repro, NOISE="5")
    assert snapshot(root).platform == PLATFORM
    (root / "train.py").write_text(TRAIN)
    run(root, *repro)
    assert (root / "model").read_text() == "weights"
    assert snapshot(root).platform == {}


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("dvc.lock", "stages: {train: {cmd: x}, train: {}}", "HEAD: dvc.lock: expected plain YAML"),
        ("dvc.lock", "stages: [", "HEAD: dvc.lock: expected plain YAML"),
        ("params.yaml", "[1, 2]", "HEAD: params.yaml: expected a mapping"),
        ("metrics/predictions.csv", "actual\n1\n", "HEAD: metrics/predictions.csv: expected"),
        ("metrics/environment.json", "[NaN]", "HEAD: metrics/environment.json: expected JSON"),
    ],
)
def test_what_head_holds_and_cannot_be_read_is_told_before_anything_runs(
    root: Path, file: str, text: str, message: str
) -> None:
    (root / file).write_text(text)
    commit(root)
    done = run(root, sys.executable, "-m", "review", "retrain", *CHOICES, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_a_stage_without_outs_has_none(root: Path) -> None:
    with (root / "dvc.yaml").open("a") as file:
        file.write("  say: {cmd: 'true', deps: [train.py]}\n")
    run(root, sys.executable, "-m", "dvc", "repro", "-q")
    assert len(snapshot(root).outputs) == 2


def test_a_run_that_fails_is_told(root: Path) -> None:
    (root / "train.py").write_text("raise SystemExit('no')")
    commit(root)
    assert verify(root) == (
        2,
        "verify: the pipeline failed in a clean copy; its own message is above",
    )


def folder_of_a_larger_repository(root: Path) -> Path:
    folder = root.parent / "larger/it's a folder, à moi"
    shutil.copytree(root, folder, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    (folder.parent / "large").write_text("not ours")
    run(folder.parent, "git", "init", "-q")
    run(folder.parent, "git", "config", "core.autocrlf", "true")
    shutil.copy(PROJECT / ".gitattributes", folder)
    commit(folder)
    return folder


def linked_worktree(root: Path) -> Path:
    run(root, "git", "worktree", "add", "-q", "--detach", "../linked")
    (root.parent / "linked/.venv").symlink_to(sys.prefix)
    return root.parent / "linked"


def submodule(root: Path) -> Path:
    larger = root.parent / "larger"
    larger.mkdir()
    run(larger, "git", "init", "-q")
    run(larger, "git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(root))
    (larger / "here/.venv").symlink_to(sys.prefix)
    return larger / "here"


@pytest.mark.fault(45)
@pytest.mark.parametrize("place", [folder_of_a_larger_repository, linked_worktree, submodule])
def test_a_project_is_verified_in_a_repository_of_any_form(
    root: Path, place: Callable[[Path], Path]
) -> None:
    there = place(root)
    (there / "notes, à moi").write_text("mine")
    status, said = verify(there)
    assert "without what is not committed: notes, à moi" in said
    assert "verify: 2 outputs of a clean copy are the same bytes" in said
    assert status == 0


@pytest.mark.fault(46)
def test_a_project_that_git_does_not_hold_is_told_with_the_reason(root: Path) -> None:
    here = f"verify: RETRAIN=1 runs what git holds of {root}: git "
    status, said = verify(root, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert (status, len(said.splitlines())) == (2, 1)
    assert f"{here}status failed (fatal: detected dubious ownership in repository at" in said
    assert "git config --global --add safe.directory" in said
    shutil.rmtree(root / ".git")
    status, said = verify(root)
    assert (status, len(said.splitlines())) == (2, 1)
    assert f"{here}status failed (fatal: not a git repository" in said
    status, said = verify(root, PATH=str(root))
    needs = "it needs a clone of the project, with a commit"
    assert (status, said) == (2, f"{here}status failed (there is no such program); {needs}")


@pytest.mark.fault(135)
def test_the_copy_is_no_part_of_the_repository_that_a_hook_is_in(root: Path) -> None:
    """`make verify RETRAIN=1` before a push: a stage that asks git is not led to the clone."""
    (root / "train.py").write_text(
        f"{TRAIN}assert not {{'GIT_DIR', 'GIT_INDEX_FILE'}} & {{*os.environ}}\n"
    )
    run(root, sys.executable, "-m", "dvc", "repro", "-q")
    commit(root)
    places = {"GIT_DIR": str(root / ".git"), "GIT_INDEX_FILE": str(root / ".git/index")}
    assert verify(root, **places)[0] == 0


@pytest.mark.fault(140)
def test_a_temporary_folder_in_which_no_program_may_run_is_named(root: Path) -> None:
    (root / "run").write_text(f"#!{sys.executable}\n{TRAIN}")
    (root / "run").chmod(0o755)
    (root / "dvc.yaml").write_text(PIPELINE.replace("python3 train.py", "./run"))
    run(root, sys.executable, "-m", "dvc", "repro", "-q")
    commit(root)
    folder = root.parent / "temporary"
    folder.mkdir()
    mount = 'mount -t tmpfs -o noexec none "$TMPDIR" && exec "$@"'
    argv = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    review = (sys.executable, "-m", "review", "retrain", *CHOICES)
    done = run(root, *argv, "sh", "-c", mount, "sh", *review, check=False, TMPDIR=str(folder))
    assert done.returncode == 2
    assert "Permission denied" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert f"The copy is in {folder}, where no program may run (mounted noexec)" in last
    assert "`export TMPDIR=/var/tmp`" in last
    assert verify(root)[0] == 0
