"""Where something is missing, a message names it and the command that brings it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from small_project import SmallProject

SOURCE = Path(__file__).parents[2] / "src"
SPREAD = ("spread", "--param", "train.seed", "--metric", "accuracy")


def review(root: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run the program; return its status and what it said on standard error."""
    env = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"} | variables
    command = [sys.executable, "-m", "review", *arguments]
    done = subprocess.run(command, cwd=root, env=env, check=False, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    project = SmallProject(tmp_path / "project")
    project.repro(wrong={1})
    return project


@pytest.mark.fault(141)
def test_an_archive_without_git_is_checked_and_what_needs_git_says_so(
    project: SmallProject,
) -> None:
    (project.root / ".git").rename(project.root.parent / "git")
    assert review(project.root, "locked") == (0, "")
    status, said = review(project.root, "diff", "--base=main")
    assert status == 2
    assert said.startswith("base: a review compares with what git holds: not a git repository")
    assert said.endswith("; get the project with `git clone` and review it there\n")
    status, said = review(project.root, *SPREAD)
    assert status == 2
    assert said.startswith(f"spread: DVC runs experiments from a git commit, and {project.root} ")
    assert said.endswith("`git init && git add --all && git commit -m start`\n")
    status, said = review(project.root, "retrain")
    assert (status, len(said.splitlines())) == (2, 1)
    assert said.endswith("; it needs a clone of the project, with a commit\n")


@pytest.mark.fault(141)
def test_a_clone_that_has_the_base_at_its_remote_alone_names_it(
    project: SmallProject, tmp_path: Path
) -> None:
    project.commit()
    project.git("switch", "-qc", "mine")
    clone = ["git", "clone", "-q", project.root.as_uri(), str(tmp_path / "clone")]
    subprocess.run(clone, check=True)
    status, said = review(tmp_path / "clone", "diff", "--base=main")
    assert status == 2
    assert said == (
        "base: expected a git revision, found 'main' (none that git knows); the remote has "
        "'origin/main': give that as the base (with make, BASE=origin/main)\n"
    )
    assert review(tmp_path / "clone", "diff", "--base=origin/main") == (0, "")
    status, said = review(tmp_path / "clone", "diff", "--base=mian")
    assert status == 2
    assert said.endswith("`git fetch --all` brings the others\n")


@pytest.mark.fault(141)
def test_a_command_of_dvc_can_be_pasted_where_no_environment_is_active(
    project: SmallProject,
) -> None:
    (project.root / "dvc.lock").unlink()
    expected = "workspace: dvc.lock: no such file; run `{} repro` and commit it\n"
    (project.root / ".venv").symlink_to(sys.prefix)
    programs = str(Path(sys.executable).parent)
    rest = os.pathsep.join(
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not Path(folder, "dvc").exists()
    )
    there = os.pathsep.join([programs, rest])
    assert review(project.root, "locked", PATH=there) == (2, expected.format("dvc"))
    full = str(Path(sys.executable).with_name("dvc"))
    assert review(project.root, "locked", PATH=rest) == (2, expected.format(full))
    argv = [".venv/bin/python", "-m", "review", "locked"]
    env = os.environ | {"PYTHONPATH": str(SOURCE), "PATH": rest}
    done = subprocess.run(
        argv, cwd=project.root, env=env, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (2, expected.format(".venv/bin/dvc"))
