"""A clone that lacks objects of git is never reviewed as if the files did not exist."""

import re
import subprocess
from pathlib import Path

import pytest

from dvcproject.errors import ProjectError
from dvcproject.revision import committed
from review import experiments, retrain
from review.__main__ import run
from review.errors import UserError
from small_project import SmallProject
from test_review import command

WHAT_HELPS = "git fetch --refetch --no-filter origin"


@pytest.fixture
def upstream(tmp_path: Path) -> SmallProject:
    """Build a repository whose second commit reads fewer images right, and has other params."""
    project = SmallProject(tmp_path / "upstream")
    project.git("config", "uploadpack.allowFilter", "true")
    project.repro(wrong={1})
    project.commit()
    project.params["train"]["learning_rate"] = 0.2
    project.repro(wrong=set(range(20)))
    project.commit()
    return project


def clone(upstream: SmallProject, *options: str) -> SmallProject:
    copy = SmallProject.__new__(SmallProject)
    copy.root = upstream.root.parent / "clone"
    address = upstream.root.as_uri()  # a path alone would ignore the filter
    subprocess.run(["git", "clone", "-q", *options, address, str(copy.root)], check=True)
    return copy


def review(project: SmallProject) -> subprocess.CompletedProcess[str]:
    return command(project, "--base", "main~1", "--fail-on", "worse")


@pytest.mark.fault(134)
@pytest.mark.parametrize("omitted", ["blob:none", "tree:0", "blob:limit=1k"])
def test_a_partial_clone_without_its_remote_is_refused_and_the_advice_helps(
    upstream: SmallProject, omitted: str
) -> None:
    project = clone(upstream, f"--filter={omitted}")
    away = upstream.root.rename(upstream.root.with_name("away"))
    done = review(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("main~1 (")
    assert "this is a partial clone" in done.stderr
    assert f"`{WHAT_HELPS}`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    away.rename(upstream.root)
    subprocess.run(["bash", "-c", WHAT_HELPS], cwd=project.root, check=True)
    upstream.root.rename(away)
    done = review(project)
    assert (done.returncode, done.stderr) == (1, "review: worse than the base (--fail-on worse)\n")
    assert "of 100 test images 0 won, 19 lost" in done.stdout


@pytest.mark.fault(134)
def test_a_partial_clone_with_its_remote_is_reviewed(upstream: SmallProject) -> None:
    done = review(clone(upstream, "--filter=blob:none"))
    assert (done.returncode, done.stderr) == (1, "review: worse than the base (--fail-on worse)\n")


@pytest.mark.fault(134)
def test_a_damaged_repository_is_refused(upstream: SmallProject) -> None:
    shown = ["git", "rev-parse", "main~1:metrics/predictions.csv"]
    done = subprocess.run(shown, cwd=upstream.root, check=True, capture_output=True, text=True)
    name = done.stdout.strip()
    (upstream.root / ".git/objects" / name[:2] / name[2:]).unlink()
    done = review(upstream)
    assert (done.returncode, done.stdout) == (2, "")
    assert "metrics/predictions.csv: git does not have its content (" in done.stderr
    assert "`git fsck`" in done.stderr


def test_a_file_outside_the_folder_of_the_project_is_read(upstream: SmallProject) -> None:
    upstream.write("models/.keep", "")
    upstream.git("add", "--force", "models/.keep")
    upstream.commit()
    revision = committed(upstream.root / "models", "HEAD", "HEAD")
    assert revision.read("../src/split.py") == b"split = 1\n"
    assert revision.read("./../src/split.py") == b"split = 1\n"
    assert revision.read("../../../../src/split.py") is None
    assert revision.read("../src/none.py") is None
    assert revision.read("../src") is None
    assert revision.read("./.keep") == b""


@pytest.mark.fault(134)
def test_what_was_never_fetched_is_not_trained_again(
    upstream: SmallProject, tmp_path: Path
) -> None:
    project = clone(upstream, "--filter=blob:none", "--no-checkout")
    upstream.root.rename(upstream.root.with_name("away"))
    with pytest.raises(ProjectError, match=f"git archive failed .*`{WHAT_HELPS}`"):
        retrain.take(project.root, tmp_path / "copy")


@pytest.mark.fault(142)
@pytest.mark.parametrize("omission", ["--filter=blob:none", "--filter=tree:0", "--depth=1"])
def test_seeds_are_not_trained_where_dvc_would_lose_the_results(
    upstream: SmallProject, monkeypatch: pytest.MonkeyPatch, omission: str
) -> None:
    project = clone(upstream, omission)
    monkeypatch.chdir(project.root)
    started: list[str] = []
    monkeypatch.setattr(experiments, "run", lambda name, *_: started.append(name))
    monkeypatch.setattr(experiments, "show", list)
    choices = ["--param=train.seed", "--metric=accuracy", "--seeds=2"]
    with pytest.raises(UserError, match="DVC runs experiments in a whole clone only; ") as refused:
        run(["spread", *choices])
    assert started == []
    helps = re.findall("`(git fetch .*?)`", str(refused.value))[0]
    subprocess.run(["bash", "-c", helps], check=True)
    with pytest.raises(UserError, match="no accuracy of"):
        run(["spread", *choices])
    assert len(started) == 1


@pytest.mark.fault(134)
def test_an_index_that_git_cannot_read_is_refused(upstream: SmallProject) -> None:
    """It may hold a conflict."""
    (upstream.root / ".git/index").write_text("no index")
    done = review(upstream)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("workspace: git cannot list its files (")
    assert done.stderr.endswith("repair the repository until `git status` works\n")


@pytest.mark.fault(157)
@pytest.mark.parametrize("variables", ["more.yaml", "src/more.conf"])
def test_a_file_that_only_dvc_reads_is_brought_or_named(
    upstream: SmallProject, variables: str
) -> None:
    text = (upstream.root / "dvc.yaml").read_text(encoding="utf-8")
    upstream.write("dvc.yaml", f"vars: [{variables}]\n{text}")
    for value in (1, 2):
        upstream.write(variables, f"more: {value}\n")
        upstream.commit()
    project = clone(upstream, "--filter=blob:none")
    away = upstream.root.rename(upstream.root.with_name("away"))
    done = review(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"): {variables}: git does not have its content (" in done.stderr
    assert f"`{WHAT_HELPS}`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    away.rename(upstream.root)
    assert "# Review of" in review(project).stdout
