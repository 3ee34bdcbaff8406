"""Two trained branches are merged: the conflict has a name, and one way leads out of it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from dvcproject.errors import ProjectError
from dvcproject.revision import committed, workspace
from review import locked
from small_project import SmallProject, dvc
from test_review import command

ATTRIBUTES = Path(__file__).parents[2] / ".gitattributes"
PIPELINE = """\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh]
    params: [rate, steps]
    outs: [model]
    metrics: [metrics/train.json: {cache: false}]
"""
SCRIPT = """\
cp params.yaml model
mkdir -p metrics
(echo { && sed 's/rate/"rate"/; s/steps/,"steps"/' params.yaml && echo }) > metrics/train.json
"""


def merge(project: SmallProject, branch: str) -> str:
    """Merge a branch into the one that is checked out; return what git says of the conflict."""
    merging = ["git", "-c", "user.name=me", "-c", "user.email=me@here", "merge", branch]
    done = subprocess.run(merging, cwd=project.root, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Build two branches, each with a training of its own and a picture of it."""
    project = SmallProject(tmp_path)
    project.write("metrics/picture.png", "\0")
    project.repro(wrong=set(range(10)))
    project.commit()
    for number, branch in enumerate(("one", "two"), 2):
        project.git("switch", "-qc", branch, "main")
        project.params["train"]["seed"] = number
        project.write("metrics/picture.png", f"\0{number}")
        project.repro(wrong=set(range(number)))
        project.commit()
    return project


@pytest.mark.fault(54)
def test_a_conflict_is_named_with_its_files(project: SmallProject) -> None:
    merge(project, "one")
    names = r"workspace: dvc\.lock, .*metrics/evaluation\.json, metrics/picture\.png, metrics/pred"
    with pytest.raises(
        ProjectError, match=rf"^{names}.*params\.yaml: a merge left two versions of it; "
    ):
        locked.require(workspace(project.root))
    done = command(project)
    assert done.returncode == 2
    assert "metrics/evaluation.json, metrics/picture.png, metrics/predictions.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.fault(54)
@pytest.mark.parametrize("path", ["dvc.lock", "params.yaml"])
def test_a_conflict_that_was_committed_is_named_too(project: SmallProject, path: str) -> None:
    merge(project, "one")
    marked = (project.root / path).read_text()
    project.git("checkout", "-q", "--ours", ".")
    project.write(path, marked)
    project.commit()
    for revision in (workspace(project.root), committed(project.root, "HEAD", "HEAD")):
        with pytest.raises(
            ProjectError, match=rf"{path}: a merge left two versions of it; resolve"
        ):
            locked.require(revision)


@pytest.mark.fault(54)
def test_numbers_are_not_merged_line_by_line(project: SmallProject) -> None:
    """.gitattributes: this branch's dvc.lock and metrics stay whole, and DVC can read them."""
    shutil.copy(ATTRIBUTES, project.root)
    project.commit()
    before = {path: path.read_bytes() for path in (project.root / "metrics").iterdir()}
    lock = (project.root / "dvc.lock").read_bytes()
    said = merge(project, "one")
    assert "Merge conflict in dvc.lock" in said
    assert (project.root / "dvc.lock").read_bytes() == lock
    assert {path: path.read_bytes() for path in (project.root / "metrics").iterdir()} == before


@pytest.mark.fault(54)
def test_the_way_out_of_a_conflict_leads_out(tmp_path: Path) -> None:
    """docs/review.md, Merging: with DVC itself, which trains what neither branch has trained."""
    project = SmallProject(tmp_path)
    project.write("dvc.yaml", PIPELINE)
    project.write("train.sh", SCRIPT)
    project.write(".gitignore", "/model\n/.dvc/site\n")
    shutil.copy(ATTRIBUTES, project.root)
    dvc(project.root, "init", "-q")
    for branch, rate, steps in (("main", 1, 1), ("one", 2, 1), ("two", 1, 2)):
        if branch != "main":
            project.git("switch", "-qc", branch, "main")
        project.write("params.yaml", f"rate: {rate}\n\n\n\nsteps: {steps}\n")
        dvc(project.root, "repro", "-q")
        project.commit()
    merge(project, "one")
    assert (tmp_path / "params.yaml").read_text() == "rate: 2\n\n\n\nsteps: 2\n"
    dvc(project.root, "repro", "-q")
    project.git("add", "dvc.lock", "metrics")
    project.git("commit", "-qm", "merged")
    assert locked.differences(committed(project.root, "HEAD", "HEAD")) == []
    locked.require(workspace(project.root))
    assert json.loads((tmp_path / "metrics/train.json").read_text()) == {"rate": 2, "steps": 2}
