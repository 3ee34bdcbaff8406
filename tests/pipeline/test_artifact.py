"""Another repository takes the model as the model card says: over a git remote and a DVC remote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import forked

ROOT = Path(__file__).parents[2]
MODEL = "models/model.keras"
ARTIFACTS = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]
STAGE = {"cmd": f"cp params.yaml {MODEL}", "deps": ["params.yaml"], "outs": [MODEL]}
GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
DVC = [sys.executable, "-m", "dvc"]


def run(folder: Path, *command: str) -> str:
    env = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / ".dvc/site")}
    if [*command[:3]] == DVC:
        done = forked.run(*command[2:], cwd=folder, env=env)
    else:
        done = subprocess.run(
            command, cwd=folder, env=env, check=False, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Push a project with our artifact: commits to a bare repository, data to a folder."""
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    pipeline = {"stages": {"train": STAGE}, "artifacts": ARTIFACTS}
    (project / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    run(tmp_path, "git", "init", "-q", "--bare", "-b", "main", "hub.git")
    run(project, "git", "init", "-q", "-b", "main")
    run(project, "git", "remote", "add", "origin", f"file://{tmp_path}/hub.git")
    run(project, *DVC, "init", "-q")
    run(project, *DVC, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    publish(project, "first")
    tag(project, "v1.0.0")
    return project


def publish(project: Path, weights: str) -> None:
    (project / "params.yaml").write_text(f"weights: {weights}\n")
    run(project, *DVC, "repro", "-q")
    run(project, "git", "add", ".")
    run(project, *GIT, "commit", "-qm", weights)
    run(project, *DVC, "push", "-q")
    run(project, "git", "push", "-q", "origin", "main")


def tag(project: Path, version: str) -> None:
    """Name a version of the artifact, as DVC finds it by."""
    run(project, *GIT, "tag", "-m", version, f"digits@{version}")
    run(project, "git", "push", "-q", "origin", f"digits@{version}")


def test_the_artifact_is_the_model() -> None:
    assert {name: found["path"] for name, found in ARTIFACTS.items()} == {"digits": MODEL}


def test_another_repository_gets_imports_and_updates_it(project: Path, tmp_path: Path) -> None:
    hub, other = f"file://{tmp_path}/hub.git", tmp_path / "other"
    other.mkdir()
    run(other, "git", "init", "-q")
    run(other, *DVC, "init", "-q")
    run(other, *DVC, "get", hub, MODEL, "-o", "got.keras")
    run(other, *DVC, "artifacts", "get", hub, "digits", "-o", "named.keras")
    run(other, *DVC, "import", hub, MODEL, "-o", "imported.keras")
    for name in ("got", "named", "imported"):
        assert (other / f"{name}.keras").read_text() == "weights: first\n"
    publish(project, "second")
    run(other, *DVC, "update", "-q", "imported.keras.dvc")
    assert (other / "imported.keras").read_text() == "weights: second\n"
    tag(project, "v1.1.0")
    run(other, *DVC, "artifacts", "get", hub, "digits", "-o", "latest.keras")
    assert (other / "latest.keras").read_text() == "weights: second\n"
    run(other, *DVC, "artifacts", "get", hub, "digits", "--rev", "v1.0.0", "-o", "tagged.keras")
    assert (other / "tagged.keras").read_text() == "weights: first\n"
    run(other, *DVC, "get", hub, MODEL, "--rev", "main~1", "-o", "old.keras")
    assert (other / "old.keras").read_text() == "weights: first\n"
