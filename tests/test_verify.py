"""Row 28: what DVC takes on trust is read again. Real repositories, bytes changed in them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealed import verify

PIPELINE = """
stages:
  make:
    cmd: mkdir -p folder && echo one > folder/1 && echo two > folder/2 && echo m > m && echo n > n
    outs: [folder, m]
    metrics: [{n: {cache: false}}]
"""
ENVIRONMENT = os.environ | {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setitem(ENVIRONMENT, "DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    root = tmp_path / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text(PIPELINE)
    dvc(root, "init", "--no-scm", "-q")
    dvc(root, "repro", "-q")
    yield root
    for path in root.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


def dvc(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(
        command, cwd=root, env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout


def run(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sealed.verify"]
    return subprocess.run(
        command, cwd=root, env=ENVIRONMENT, check=False, capture_output=True, text=True
    )


def found(root: Path) -> list[str]:
    found = verify.mistakes(verify.outputs(root), root, root / ".dvc/cache")
    return [line.replace(f"{root}/", "") for line in found]


def stored(root: Path, path: str) -> Path:
    md5 = verify._content(root / path).md5
    return root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def append(path: Path) -> None:
    """Change a file as a careless person would: it looks the same to DVC afterwards."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"x")
    path.chmod(mode)


def test_what_repro_has_just_made_is_right(project: Path) -> None:
    done = run(project)
    assert done.stdout == "verify: 3 outputs, 0.0 MB, are what dvc.lock says\n"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fault(28)
@pytest.mark.parametrize("path", ["m", "folder/2"])
def test_a_changed_object_of_the_cache_is_named_where_dvc_sees_nothing(
    project: Path, path: str
) -> None:
    changed = stored(project, path)
    append(changed)
    assert "up to date" in dvc(project, "status")
    done = run(project)
    assert done.returncode == 1
    assert f"the cache's copy of {path}: expected MD5 " in done.stderr
    assert str(changed.relative_to(project)) in done.stderr
    assert "delete it and run `dvc commit --force make`" in done.stderr
    changed.unlink()
    dvc(project, "commit", "--force", "make")
    assert run(project).returncode == 0


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("m", "delete it and run `dvc checkout m`"),
        ("folder/1", "delete it and run `dvc checkout folder/1`"),
        ("n", "delete it and run `dvc repro --force make`"),
    ],
)
def test_a_changed_output_is_named_and_the_advice_brings_it_back(
    project: Path, path: str, advice: str
) -> None:
    append(project / path)
    [line] = found(project)
    assert line.startswith(f"{path}: expected MD5 ")
    assert line.endswith(advice)
    (project / path).unlink()
    dvc(project, *advice.split("`")[1].split()[1:])
    assert found(project) == []


def test_a_missing_object_is_named_with_the_way_to_have_it_again(project: Path) -> None:
    stored(project, "m").unlink()
    [line] = found(project)
    assert "the cache's copy of m: expected MD5 " in line
    assert line.endswith("found nothing; run `dvc commit --force make`")
    (project / "m").unlink()
    lines = found(project)
    assert lines[0].endswith("or without a remote `dvc repro make`")
    assert lines[1].endswith("found nothing; run `dvc repro --force make`")


def test_the_list_of_a_folder_is_verified_like_its_files(project: Path) -> None:
    [listing] = (project / ".dvc/cache/files/md5").rglob("*.dir")
    append(listing)
    [line] = found(project)
    assert line.startswith(str(listing.relative_to(project)))
    append(project / "folder/1")
    assert [line.partition(": ")[0] for line in found(project)][1:] == ["folder"]


def test_a_file_too_many_in_a_folder_is_named_unless_dvcignore_hides_it(project: Path) -> None:
    (project / "folder/3").write_text("three")
    assert found(project) == ["folder/3: dvc.lock knows no such file; delete it"]
    (project / ".dvcignore").write_text("3\n")
    assert found(project) == []


def test_a_cache_elsewhere_is_found(project: Path, tmp_path: Path) -> None:
    (project / ".dvc/cache").rename(tmp_path / "elsewhere")
    assert run(project).returncode == 1
    dvc(project, "config", "cache.dir", str(tmp_path / "elsewhere"))
    assert run(project).returncode == 0


def test_a_lock_that_lacks_a_stage_or_is_none_is_refused(project: Path) -> None:
    (project / "dvc.lock").write_text("stages: {}\n")
    done = run(project)
    assert done.returncode == 2
    assert "dvc.lock: expected stage make, found none; run `dvc repro`" in done.stderr
    (project / "dvc.lock").unlink()
    assert "dvc.lock: expected a mapping `stages`, found" in run(project).stderr
