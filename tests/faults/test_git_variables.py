"""Tests that git starts, in a hook for example, write only into repositories of their own."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# one of each way in which tests make repositories: commits, branches and merges; clones; an index
FIXTURES = (
    "review/test_ancestor.py::test_merges_that_crossed_are_named",
    "review/test_ancestor.py::test_a_shallow_clone_that_holds_where_the_branch_left_is_enough",
    "sealed/test_check.py::test_a_dep_that_git_has_and_this_checkout_lacks_is_a_hint",
)
PYTEST = (sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider")


def git(root: Path, *arguments: str) -> str:
    me = ("-c", "user.name=me", "-c", "user.email=me@here")
    done = subprocess.run(
        ["git", *me, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Make the repository of the person who runs the tests, with something in its index."""
    root = tmp_path / "theirs"
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    (root / "staged").write_text("not committed yet")
    git(root, "add", "staged")
    return root


def state(root: Path) -> list[str]:
    """Return what a test must not change: branches, HEAD, what is staged, the settings."""
    asked = ("for-each-ref", "symbolic-ref HEAD", "ls-files --stage", "status --short")
    config = (root / ".git/config").read_text()
    return [config, *(git(root, *words.split()) for words in asked)]


def command(tmp_path: Path) -> list[str]:
    names = [str(TESTS / name) for name in FIXTURES]
    return [
        *PYTEST,
        f"--rootdir={TESTS.parent}",
        f"--basetemp={tmp_path / 'theirs-to-test'}",
        *names,
    ]


@pytest.mark.fault(135)
@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
def test_the_repository_that_a_variable_names_is_left_alone(
    theirs: Path, tmp_path: Path, variable: str
) -> None:
    places = {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_WORK_TREE": "."}
    before = state(theirs)
    env = os.environ | {variable: str(theirs / places[variable])}
    done = subprocess.run(
        command(tmp_path), cwd=TESTS.parent, env=env, check=False, capture_output=True, text=True
    )
    assert state(theirs) == before
    assert done.returncode == 0, done.stdout


@pytest.mark.fault(135)
def test_a_hook_before_a_push_from_a_linked_worktree_may_run_the_tests(
    theirs: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "--bare", "hub.git")
    git(theirs, "worktree", "add", "-q", "-b", "linked", "../linked")
    hook = theirs / ".git/hooks/pre-push"
    words = f"cd {shlex.quote(str(TESTS.parent))} && exec {shlex.join(command(tmp_path))}"
    hook.write_text(f'#!/bin/sh\n[ -n "$GIT_DIR" ] || exit 3\n{words}\n')
    hook.chmod(0o755)
    before = state(theirs)
    push = ["git", "push", "-q", str(tmp_path / "hub.git"), "linked"]
    done = subprocess.run(
        push, cwd=tmp_path / "linked", check=False, capture_output=True, text=True
    )
    assert state(theirs) == before
    assert done.returncode == 0, done.stdout + done.stderr
