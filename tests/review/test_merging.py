"""Two trained branches are merged: the conflict has a name, and one way leads out of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvcproject.errors import ProjectError
from dvcproject.revision import committed, workspace
from review.record import lock_check
from small_project import SmallProject, dvc
from test_review import command

ATTRIBUTES = Path(__file__).parents[2] / ".gitattributes"
PROJECT = ATTRIBUTES.parent
MAKEFILE = f"""\
repro:
\t{sys.executable} -m dvc repro --quiet
review:
\t{sys.executable} -m review diff --base=$(BASE)
"""
# what the params are goes into the model and into each file that git tracks
SCRIPT = """\
cp params.yaml model
for path; do
    mkdir -p "$(dirname "$path")"
    text="{$(sed 's/rate/"rate"/; s/steps/,"steps"/' params.yaml)}"
    echo $text > "$path"
done
"""


def tracked() -> list[str]:
    """Return every output of a stage of this project that git tracks instead of DVC."""
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"].values()
    lists = (stage.get(kind, []) for stage in stages for kind in ("outs", "metrics", "plots"))
    entries = (entry for found in lists for entry in found if isinstance(entry, dict))
    return [path for entry in entries for path, options in entry.items() if not options["cache"]]


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
        lock_check.require(workspace(project.root))
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
            lock_check.require(revision)


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


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a branch `mine` and a branch `other`, each with a training, by DVC itself."""
    project = SmallProject(tmp_path_factory.mktemp("branches"))
    train: dict[str, Any] = {"cmd": f"sh train.sh {' '.join(tracked())}", "deps": ["train.sh"]}
    train |= {"params": ["rate", "steps"], "outs": ["model"], "metrics": []}
    for path in tracked():
        train["metrics" if path.endswith(".json") else "outs"].append({path: {"cache": False}})
    project.write("dvc.yaml", yaml.safe_dump({"stages": {"train": train}}))
    project.write("train.sh", SCRIPT)
    project.write("Makefile", MAKEFILE)
    project.write(".gitignore", "/model\n/.dvc/site\n")
    project.write(".dvc/config", "[core]\n    analytics = false\n")
    project.write(".dvc/.gitignore", "/cache\n/tmp\n")
    project.git("config", "user.name", "me")
    project.git("config", "user.email", "me@here")
    for branch, rate, steps in (("main", 1, 1), ("other", 2, 1), ("mine", 1, 2)):
        if branch != "main":
            project.git("switch", "-qc", branch, "main")
        project.write("params.yaml", f"rate: {rate}\n\n\n\nsteps: {steps}\n")
        dvc(project.root, "repro", "-q")
        project.commit()
    return project.root


def documented() -> tuple[list[str], str]:
    """Return the commands of docs/review.md, Merging, and the one for want of .gitattributes."""
    page = (
        (PROJECT / "docs/review.md")
        .read_text()
        .partition("\n## Merging\n")[2]
        .partition("\n## ")[0]
    )
    commands = re.findall("^    (.*?) *(?:#.*)?$", page, re.MULTILINE)
    return commands, re.findall("Without that `.gitattributes`, `(.*?)`", page)[0]


@pytest.mark.fault(54, 137)
@pytest.mark.parametrize("attributes", [True, False])
def test_the_documented_merge_leads_out_of_the_conflict(
    branches: Path, tmp_path: Path, *, attributes: bool
) -> None:
    """As written, with every output of a stage that git tracks; DVC trains what nobody has."""
    root = shutil.copytree(branches, tmp_path / "project")
    env = {"PYTHONPATH": str(PROJECT / "src"), "DVC_SITE_CACHE_DIR": str(root / ".dvc/site")}
    env |= {"GIT_EDITOR": "true", "DVC_NO_ANALYTICS": "1"}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        bash = ["bash", "-c", line]
        return subprocess.run(
            bash, cwd=root, env=os.environ | env, check=False, capture_output=True, text=True
        )

    [merging, *commands], without_attributes = documented()
    if attributes:
        shutil.copy(ATTRIBUTES, root)
        run("git add .gitattributes && git commit -qm attributes")
    else:
        commands.insert(0, without_attributes)
    merged = run(merging)
    assert merged.returncode == 1, merged.stderr
    for path in ("dvc.lock", *tracked()):
        assert f"Merge conflict in {path}\n" in merged.stdout
    for line in commands:
        done = run(line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert "Review of workspace against" in done.stdout
    assert run("git status --porcelain").stdout == ""
    assert (root / "params.yaml").read_text() == "rate: 2\n\n\n\nsteps: 2\n"
    assert lock_check.differences(committed(root, "HEAD", "HEAD")) == []
    for path in tracked():
        assert json.loads((root / path).read_text()) == {"rate": 2, "steps": 2}
