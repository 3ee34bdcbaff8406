"""What a review compares with: where the branch left the base; each case that has none is named."""

import subprocess
from pathlib import Path

import pytest

from dvcproject.errors import ProjectError
from review import ancestor
from review.verdict import compared, verdict
from review.verdict.verdict import Options
from review.words import phrases
from small_project import SmallProject


def head(project: SmallProject, name: str = "HEAD") -> str:
    command = ["git", "rev-parse", "--short=7", name]
    done = subprocess.run(command, cwd=project.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def change(project: SmallProject, branch: str, seed: int, wrong: set[int]) -> str:
    """Commit another training on a branch; return the commit."""
    project.git("switch", "-q", branch)
    project.params["train"]["seed"] = seed
    project.repro(wrong)
    project.commit()
    return head(project)


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Build a branch that won five images, behind a main that has won nine since."""
    project = SmallProject(tmp_path / "project")
    project.repro(wrong=set(range(10)))
    project.commit()
    project.git("branch", "better")
    change(project, "main", seed=3, wrong={0})
    change(project, "better", seed=2, wrong=set(range(5)))
    return project


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Build two branches that were merged into each other."""
    project = SmallProject(tmp_path_factory.mktemp("crossed"))
    project.commit()
    project.git("branch", "other")
    for branch in ("main", "other"):
        project.git("switch", "-q", branch)
        project.write(branch, branch)
        project.commit()
    project.git("branch", "before")
    project.git("merge", "-q", "--no-edit", "main")
    project.git("switch", "-q", "main")
    project.git("merge", "-q", "--no-edit", "before")
    project.git("switch", "-q", "other")
    return project


def clone(project: SmallProject, *options: str) -> Path:
    target = project.root.parent / "clone"
    address = project.root.as_uri()  # a path alone would ignore the depth
    subprocess.run(["git", "clone", "-q", *options, address, str(target)], check=True)
    return target


@pytest.mark.fault(40)
def test_a_branch_behind_main_is_compared_with_where_it_left(project: SmallProject) -> None:
    review = verdict.make(project.root, "main")
    assert review.outcome == compared.SAME  # 5 won and none lost is a coin, five times
    assert "5 won, 0 lost" in phrases.verdicts(review)[0]
    left, tip = head(project, "main~1"), head(project, "main")
    assert review.before.name == f"merge base with main ({left})"
    assert phrases.cautions(review)[0] == (
        f"Compared with {left}, where this branch left main. The tip of main, {tip}, is 1 commit "
        "further: `--tip` compares with that."
    )


@pytest.mark.fault(40)
def test_the_tip_is_compared_with_when_asked_for(project: SmallProject) -> None:
    review = verdict.make(project.root, "main", Options(tip=True))
    tip = head(project, "main")
    assert "0 won, 4 lost" in phrases.verdicts(review)[0]
    assert review.before.name == f"main ({tip})"
    note = f"Compared with the tip of main, {tip}, which HEAD does not hold."
    assert phrases.cautions(review)[0] == note


@pytest.mark.fault(40)
def test_a_branch_that_holds_the_base_needs_no_note(project: SmallProject) -> None:
    project.git("merge", "-q", "--no-edit", "-s", "ours", "main")
    review = verdict.make(project.root, "main")
    assert (review.note, review.before.name) == ("", f"main ({head(project, 'main')})")


@pytest.mark.fault(40)
def test_merges_that_crossed_are_named(crossed: SmallProject) -> None:
    message = (
        r"^base: HEAD and 'main' have 2 merge bases \(\w{7}, \w{7}\), from merges that crossed; "
        r"merge 'main' into the branch, name one of them, or give --tip$"
    )
    with pytest.raises(ProjectError, match=message):
        ancestor.base(crossed.root, "main", tip=False)
    found, _ = ancestor.base(crossed.root, "main", tip=True)
    assert found.read("main") == b"main"


@pytest.mark.fault(40)
def test_histories_without_a_common_ancestor_are_named(project: SmallProject) -> None:
    project.git("switch", "-q", "--orphan", "apart")
    project.git("commit", "-q", "--allow-empty", "-m", "apart")
    with pytest.raises(
        ProjectError, match=r"^base: HEAD and 'main' \(\w{7}\) have no common ancestor;"
    ):
        ancestor.base(project.root, "main", tip=False)


@pytest.mark.fault(40)
def test_a_branch_without_a_commit_is_named(project: SmallProject) -> None:
    project.git("switch", "-q", "--orphan", "unborn")
    with pytest.raises(
        ProjectError, match="base: no merge base of HEAD and 'main': Not a valid object"
    ):
        ancestor.base(project.root, "main", tip=False)


@pytest.mark.fault(40)
def test_a_shallow_clone_is_named_and_its_advice_helps(project: SmallProject) -> None:
    """Depth 1 is what CI takes unless told otherwise; it has one branch, and that cut off."""
    root = clone(project, "--depth=1", "--branch=better")
    with pytest.raises(
        ProjectError, match=r"found 'origin/main' \(none that git knows\); this clone is"
    ):
        ancestor.base(root, "origin/main", tip=False)
    subprocess.run(
        ["git", "fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main"],
        cwd=root,
        check=True,
    )
    with pytest.raises(
        ProjectError, match="base: where HEAD left 'origin/main' cannot be seen: "
    ) as told:
        ancestor.base(root, "origin/main", tip=False)
    assert ancestor.base(root, "origin/main", tip=True)[0].name.startswith("origin/main (")
    advice = str(told.value).partition("`")[2].partition("`")[0]
    subprocess.run(["bash", "-c", advice], cwd=root, check=True)
    found, _ = ancestor.base(root, "origin/main", tip=False)
    assert found.name == f"merge base with origin/main ({head(project, 'main~1')})"


@pytest.mark.fault(40)
def test_a_shallow_clone_that_holds_where_the_branch_left_is_enough(project: SmallProject) -> None:
    root = clone(project, "--depth=2", "--no-single-branch", "--branch=better")
    found, _ = ancestor.base(root, "origin/main", tip=False)
    assert found.name == f"merge base with origin/main ({head(project, 'main~1')})"


@pytest.mark.fault(40)
def test_a_folder_without_a_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ProjectError, match="base: a review compares with what git holds: not a git repo"
    ):
        ancestor.base(tmp_path, "main", tip=False)
