"""What a person types: recipes, the locks' check; each says what is wrong and loses nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from check_locks import mistakes

ROOT = Path(__file__).parent.parent
HASH = "--hash=sha256:" + 64 * "a"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "stages").mkdir()
    shutil.copy(ROOT / "stages/recipe", tmp_path / "stages")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    return tmp_path


def recipe(project: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [str(project / "stages/recipe"), name]
    return subprocess.run(command, check=False, capture_output=True, text=True)


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
        "requirements-gpu.lock": [],
        "requirements.lock": [],
    }


def test_the_locks_agree_on_what_they_share() -> None:
    pins = [
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-gpu.lock", "requirements-dev.lock")
    ]
    product, gpu, dev = pins
    assert product.items() <= gpu.items()
    assert all(product.get(name, version) == version for name, version in dev.items())
    assert [name for name in gpu.keys() - product.keys() if not name.startswith("nvidia-")] == []


def test_the_readme_quotes_the_committed_metrics() -> None:
    found = json.loads((ROOT / "metrics/evaluation.json").read_text())
    quoted = (
        f"{found['accuracy']:.4f} (95 %: {found['accuracy_low']:.4f} to "
        f"{found['accuracy_high']:.4f})"
    )
    assert quoted in (ROOT / "README.md").read_text()
