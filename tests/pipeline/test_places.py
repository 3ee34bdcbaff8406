"""`make repro`, `make review` and tests in places as people have them, with a short recipe."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@here", "-c", "core.autocrlf=true"]
SMALL = {
    "model": {"blocks": [[4], [4]], "dense": [32]},
    "train": {"steps": 100, "validate_every": 100, "checkpoint_every": 100},
}
SOME = "tests/pipeline -k 'recipe or seed or locks' -p no:cacheprovider"

FROM_MAKE = ("MAKE", "PYTEST", "STAGE_", "DVC_")  # what `make test-all` has put there

pytestmark = pytest.mark.slow


@pytest.fixture
def here() -> Iterator[Path]:
    """Make a folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="place-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def copy_project(folder: Path) -> None:
    """Copy what git holds of this project, and shorten the recipe."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for section, values in SMALL.items():
        params[section] |= values
    for section in params.values():  # wherever the bar is declared
        section.update({"minimum_accuracy": 0.05} if "minimum_accuracy" in section else {})
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def commit(folder: Path) -> None:
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)


def link_environment(folder: Path) -> None:
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".venv-remote").symlink_to(ROOT / ".venv-remote")


def sh(folder: Path, script: str, *prefix: str, status: int = 0) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(FROM_MAKE)}
    command = [*prefix, "bash", "-c", script]
    done = subprocess.run(command, cwd=folder, env=kept, check=False, capture_output=True)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == status, said
    return said


@pytest.mark.fault(45, 56)
def test_a_folder_of_a_larger_repository_below_a_path_that_is_no_plain_text(here: Path) -> None:
    """With a strict umask and a plain locale, and a CDPATH that leads into another project."""
    folder = here / 'it\'s "odd" $(touch pwned) ; touch pwned; é %s #1' / "its folder"
    copy_project(folder)
    commit(folder.parent)
    link_environment(folder)
    plain = ["env", "LC_ALL=C", f"CDPATH={ROOT}"]
    sh(folder, "umask 077; make test", *plain, f"PYTEST_ADDOPTS={SOME}")
    said = sh(folder, "umask 077; make repro ENGINE=host", *plain)
    assert "Running stage 'evaluate'" in said
    assert "Review of workspace against HEAD" in sh(folder, "make review BASE=HEAD", *plain)
    assert "are what dvc.lock says" in sh(folder, "make verify", *plain)
    sh(folder, "git add . && git diff --cached --quiet -- . ':!metrics' ':!models' ':!dvc.lock'")
    assert sorted(path.name for path in here.iterdir()) == [folder.parent.name]
    assert not list(here.rglob("pwned"))


@pytest.mark.fault(45)
def test_a_linked_worktree_with_autocrlf_and_a_colon_in_its_path(here: Path) -> None:
    copy_project(here / "main")
    commit(here / "main")
    subprocess.run([*GIT, "config", "core.autocrlf", "true"], cwd=here / "main", check=True)
    folder = here / "a:b"
    subprocess.run([*GIT, "worktree", "add", "-qb", "there", folder], cwd=here / "main", check=True)
    link_environment(folder)
    sh(folder, "make test", "env", f"PYTEST_ADDOPTS={SOME}")
    assert "Running stage 'evaluate'" in sh(folder, "make repro ENGINE=host")
    assert "Review of workspace against HEAD" in sh(folder, "make review BASE=HEAD")
    assert "are what dvc.lock says" in sh(folder, "make verify")


@pytest.mark.fault(46)
def test_an_archive_without_git_as_a_user_without_a_name(here: Path) -> None:
    folder = here / "archive"
    copy_project(folder)
    prefix = nobody(folder)
    said = sh(folder, "make repro ENGINE=host", *prefix)
    assert "Running stage 'evaluate'" in said
    assert "up to date" in sh(folder, "make repro ENGINE=host", *prefix)
    said = sh(folder, "make review", *prefix, status=2)
    assert "not a git repository" in said
    assert "Traceback" not in said
    said = sh(folder, "make repro RECIPE=tutorial", *prefix, status=2)
    assert "git cannot tell whether it holds edits of yours (fatal: not a git repository" in said


def nobody(folder: Path) -> list[str]:
    """Give the folder to a user without a name or a home; return what a command is started with."""
    python = f"/usr/bin/python3.{sys.version_info.minor}"  # this one may lie where others cannot
    if os.geteuid() or not shutil.which("setpriv") or not Path(python).exists():
        pytest.skip("needs root, setpriv and a Python of this version that every user can start")
    subprocess.run([python, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    [packages] = (folder / ".venv").glob("lib/*/site-packages")
    shared = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "shared.pth").write_text(shared + "\n")
    for lock in folder.glob("requirements*.lock"):
        shutil.copy(lock, folder / ".venv")
    subprocess.run(["chown", "-R", "12345:12345", folder], check=True)
    as_them = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--no-new-privs"]
    prefix = [*as_them, "env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME", "PATH=/usr/bin:/bin"]
    started = [*prefix, str(folder / ".venv/bin/python"), "-c", "import dvc"]
    if subprocess.run(started, check=False, capture_output=True).returncode:
        pytest.skip(f"{shared} is not for every user to read")
    return prefix
