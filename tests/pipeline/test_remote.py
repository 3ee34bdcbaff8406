"""In a clone with a remote `dvc repro`, with the flags of the workflows, runs only what changed."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages:
  first:
    cmd: cp in.txt first.txt && echo ran first
    deps: [in.txt]
    outs: [first.txt]
  second:
    cmd: cat first.txt params.yaml >second.txt && echo ran second
    deps: [first.txt]
    params: [second]
    outs: [second.txt]
"""
GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
DVC = ".venv/bin/python -m dvc"
REPRO = f"{DVC} repro $(.ci/remote)"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a project, push what it made to a folder, commit it, and take the cache away."""
    project = tmp_path_factory.mktemp("published") / "it's here"
    (project / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci/remote", project / ".ci")
    (project / "dvc.yaml").write_text(PIPELINE)
    (project / "in.txt").write_text("in\n")
    (project / "params.yaml").write_text("second: 1\n")
    (project / ".gitignore").write_text("/.venv\n/*.txt\n!/in.txt\n")
    add_environment(project)
    store = shlex.quote(str(project.with_name("store")))
    sh(project, f"git init -q; {DVC} init -q; {DVC} remote add -q -d store {store}")
    sh(project, f"{REPRO}; {DVC} push -q; git add .; {shlex.join(GIT)} commit -qm all")
    shutil.rmtree(project / ".dvc/cache")
    return project


@pytest.fixture
def clone(published: Path, tmp_path: Path) -> Path:
    subprocess.run(["git", "clone", "-q", published, tmp_path / "clone"], check=True)
    add_environment(tmp_path / "clone")
    return tmp_path / "clone"


def add_environment(project: Path) -> None:
    """Put the Python that runs this where the project looks for its own."""
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)


def sh(folder: Path, script: str) -> str:
    command = ["bash", "-ec", script]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.fault(52)
def test_with_a_remote_that_holds_all_only_what_changed_runs(clone: Path) -> None:
    (clone / "params.yaml").write_text("second: 2\n")
    said = sh(clone, REPRO)
    assert "ran second" in said
    assert "ran first" not in said
    assert (clone / "second.txt").read_text() == "in\nsecond: 2\n"


@pytest.mark.fault(52)
def test_with_a_remote_that_lacks_something_all_stages_run(clone: Path) -> None:
    sh(clone, f"{DVC} remote modify -q store url ../nothing")
    said = sh(clone, REPRO)
    assert ".ci/remote: the remote lacks what dvc.lock names, or cannot be read here" in said
    assert "ran first" in said
    assert "ran second" in said


@pytest.mark.fault(52)
def test_without_a_remote_all_stages_run(clone: Path) -> None:
    sh(clone, f"{DVC} remote remove -q store")
    said = sh(clone, REPRO)
    assert "ran first" in said
    assert ".ci/remote" not in said
