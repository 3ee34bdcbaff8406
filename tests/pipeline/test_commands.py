"""What a person types: recipes, the locks' check; each says what is wrong and loses nothing."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from check_locks import mistakes

ROOT = Path(__file__).parents[2]
GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
HASH = "--hash=sha256:" + 64 * "a"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "stages").mkdir()
    shutil.copy(ROOT / "stages/recipe", tmp_path / "stages")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def recipe(project: Path, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(project / "stages/recipe"), name]
    environment = os.environ | variables
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def test_a_recipe_replaces_what_git_holds_or_another_recipe(project: Path) -> None:
    for name in ("tutorial", "softmax", "softmax"):
        assert recipe(project, name).returncode == 0
        expected = (project / f"recipes/{name}.yaml").read_text()
        assert (project / "params.yaml").read_text() == expected


def test_a_recipe_does_not_overwrite_edits(project: Path) -> None:
    (project / "params.yaml").write_text("a: 2\n")
    result = recipe(project, "tutorial")
    assert result.returncode == 2
    assert "params.yaml: RECIPE=tutorial would overwrite your edits; commit them" in result.stderr
    assert (project / "params.yaml").read_text() == "a: 2\n"
    subprocess.run(["git", "add", "params.yaml"], cwd=project, check=True)
    assert recipe(project, "tutorial").returncode == 2, "what is staged is an edit too"


@pytest.mark.fault(46)
@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        ("git", "fatal: not a git repository (or any of the parent directories): .git"),
        ("commit", "fatal: invalid object name 'HEAD'."),
        ("program", "env: 'git': No such file or directory"),
        ("file", "fatal: path 'params.yaml' exists on disk, but not in 'HEAD'"),
        (
            "owner",
            "fatal: detected dubious ownership in repository at '{}' To add an exception for "
            "this directory, call: git config --global --add safe.directory {}",
        ),
    ],
)
def test_a_recipe_says_why_git_cannot_tell_whether_there_are_edits(
    project: Path, lost: str, reason: str
) -> None:
    variables = {"GIT_CEILING_DIRECTORIES": str(project.parent), "LC_ALL": "C"}
    if lost in ("git", "commit"):
        shutil.rmtree(project / ".git")
    if lost == "commit":
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    if lost == "program":
        tools = project / "tools"
        tools.mkdir()
        for name in ("bash", "dirname", "cmp", "env", "tr"):
            (tools / name).symlink_to(str(shutil.which(name)))
        variables["PATH"] = str(tools)
    if lost == "file":
        subprocess.run(["git", "rm", "-q", "--cached", "params.yaml"], cwd=project, check=True)
        subprocess.run([*GIT, "commit", "-qm", "without"], cwd=project, check=True)
    if lost == "owner":
        variables["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"
    result = recipe(project, "tutorial", **variables)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    expected = "would overwrite it, and git cannot tell whether it holds edits of yours"
    assert f"{expected} ({reason}); put it" in result.stderr.replace(str(project), "{}")
    assert (project / "params.yaml").read_text() == "a: 1\n"
    (project / "params.yaml").rename(project / "mine.yaml")
    assert recipe(project, "tutorial", **(variables | {"PATH": os.environ["PATH"]})).returncode == 0


def test_an_unknown_recipe_is_answered_with_those_there_are(project: Path) -> None:
    result = recipe(project, "tutorail")
    assert result.returncode == 2
    assert "RECIPE=tutorail: expected one of: best fashion-best " in result.stderr


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    ("lock", "message"),
    [
        ("numpy==2.0\n", "numpy==2.0: expected a SHA-256, found none"),
        (f"numpy>=2.0 {HASH}\n", "numpy>=2.0: expected a pinned version"),
        (f"--index-url https://here/\nnumpy==2.0 {HASH}\n", "expected requirements alone, found"),
        ("", "expected requirements, found none"),
    ],
)
def test_a_lock_without_hashes_or_with_an_index_is_refused(
    tmp_path: Path, lock: str, message: str
) -> None:
    (tmp_path / "requirements.lock").write_text(lock)
    [mistake] = mistakes(tmp_path / "requirements.lock")
    assert message in mistake


def test_the_locks_here_are_right() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert {lock.name: mistakes(lock) for lock in locks} == {
        "requirements-dev.lock": [],
        "requirements-export.lock": [],
        "requirements-gpu.lock": [],
        "requirements-remote.lock": [],
        "requirements-serve.lock": [],
        "requirements.lock": [],
    }


def test_the_locks_agree_on_what_they_share() -> None:
    locks = ("", "-gpu", "-dev", "-serve", "-export")
    product, gpu, *besides = (
        dict(
            re.findall(
                r"^([\w.-]+)==(\S+)", (ROOT / f"requirements{name}.lock").read_text(), re.MULTILINE
            )
        )
        for name in locks
    )
    assert product.items() <= gpu.items()
    for beside in besides:  # installed into the same .venv, they change nothing there
        assert all(product.get(name, version) == version for name, version in beside.items())
    assert [name for name in gpu.keys() - product.keys() if not name.startswith("nvidia-")] == []


def test_the_readme_quotes_the_committed_metrics() -> None:
    found = json.loads((ROOT / "metrics/evaluation.json").read_text())
    quoted = (
        f"{found['accuracy']:.4f} (95 %: {found['accuracy_low']:.4f} to "
        f"{found['accuracy_high']:.4f})"
    )
    assert quoted in (ROOT / "README.md").read_text()


@pytest.mark.fault(45)
@pytest.mark.parametrize("outer", ["", "* text=auto eol=crlf\n"])
def test_the_bytes_that_git_holds_lie_there_with_autocrlf_and_in_a_larger_repository(
    tmp_path: Path, outer: str
) -> None:
    here = tmp_path / "here/folder"
    here.mkdir(parents=True)
    (here.parent / ".gitattributes").write_text(outer)
    shutil.copy(ROOT / ".gitattributes", here)
    (here / "unix").write_bytes(b"a\nb\n")
    (here / "windows").write_bytes(b"a\r\nb\r\n")
    git = [*GIT, "-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], cwd=here.parent, check=True)
    subprocess.run([*git, "clone", "-q", here.parent, tmp_path / "there"], check=True)
    for name in (".gitattributes", "unix", "windows"):
        assert (tmp_path / "there/folder" / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.fault(118)
def test_git_takes_neither_what_pip_leaves_nor_archives_of_pictures(tmp_path: Path) -> None:
    """On a branch without the data set too, where mirrors/ has no .gitignore of its own."""
    shutil.copy(ROOT / ".gitignore", tmp_path)
    left = ["src/sealed/build/lib/x.py", "src/review/review_of_classes.egg-info/PKG-INFO"]
    for path in (*left, "mirrors/mine/train.zip", "mirrors/mine.dvc", "mirrors/.gitignore"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = ["git", "add", "--all", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    added = {line.split("'")[1] for line in done.stdout.splitlines()}
    assert added == {".gitignore", "mirrors/mine.dvc", "mirrors/.gitignore"}
