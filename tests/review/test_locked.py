"""dvc.lock is true or each difference is named, on a checkout without data; DVC itself agrees."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dvcproject.errors import ProjectError
from dvcproject.revision import committed, workspace
from review.record import lock_check
from small_project import SmallProject, dvc, dvc_status

PROJECT = Path(__file__).parents[2]
Edit = Callable[[SmallProject], None]


def replace(path: str, old: str, new: str) -> Edit:
    def edit(project: SmallProject) -> None:
        text = (project.root / path).read_text()
        assert old in text
        project.write(path, text.replace(old, new))

    return edit


EDITS = [
    (
        replace("params.yaml", "learning_rate: 0.1", "learning_rate: 0.2"),
        ["train: train.learning_rate: 0.1 in dvc.lock, 0.2 in params.yaml"],
    ),
    (
        replace("params.yaml", "  learning_rate: 0.1\n", ""),
        ["train: train.learning_rate: 0.1 in dvc.lock, None in params.yaml"],
    ),
    (replace("src/train.py", "1", "2"), ["train: src/train.py: changed"]),
    (replace("requirements.lock", "2.4.6", "2.5.0"), ["train: requirements.lock: changed"]),
    (
        replace("metrics/predictions.csv", "0,0,0,0.9", "0,0,9,0.9"),
        [
            "evaluate: metrics/predictions.csv: changed",
            "metrics/evaluation.json: accuracy: 0.99, 0.89 in metrics/predictions.csv",
            "metrics/evaluation.json: errors: 1, 11 in metrics/predictions.csv",
        ],
    ),
    (
        lambda project: (project.root / "metrics/train.json").unlink(),
        ["train: metrics/train.json: missing"],
    ),
    (
        replace("dvc.yaml", "run train", "run train --fast"),
        ["train: the command changed"],
    ),
    (
        replace("dvc.yaml", "[src/split.py]", "[src/split.py, src/train.py]"),
        ["preprocess: src/train.py: declared in dvc.yaml or recorded in dvc.lock, not both"],
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    project = SmallProject(tmp_path_factory.mktemp("locked"))
    project.repro(wrong={1})
    dvc(project.root, "commit", "-fq")
    return project


@pytest.fixture
def project(built: SmallProject, tmp_path: Path) -> SmallProject:
    shutil.copytree(built.root, tmp_path, dirs_exist_ok=True)
    copy = SmallProject.__new__(SmallProject)
    copy.root, copy.images, copy.params = tmp_path, built.images, built.params
    return copy


def test_what_dvc_locked_is_true_with_and_without_data(project: SmallProject) -> None:
    assert not dvc_status(project.root)
    assert lock_check.differences(workspace(project.root)) == []
    project.without_data()
    assert lock_check.differences(workspace(project.root)) == []
    project.commit()
    assert lock_check.differences(committed(project.root, "HEAD", "HEAD")) == []


@pytest.mark.parametrize(("edit", "expected"), EDITS)
def test_each_difference_is_named_and_dvc_marks_the_same_stage(
    project: SmallProject, edit: Edit, expected: list[str]
) -> None:
    edit(project)
    assert lock_check.differences(workspace(project.root)) == expected
    assert dvc_status(project.root) == {expected[0].partition(":")[0]}


def test_half_a_run_is_not_true(project: SmallProject) -> None:
    """`dvc repro train` alone: evaluate's numbers are those of the model before."""
    text = (project.root / "dvc.lock").read_text()
    lock = yaml.safe_load(text)
    lock["stages"]["train"]["outs"][-1]["md5"] = "that of another model"
    project.write("dvc.lock", yaml.safe_dump(lock))
    expected = "evaluate: models/model.keras: not the one that the stage before it made"
    assert lock_check.differences(workspace(project.root)) == [expected]


def test_a_stage_that_never_ran_is_named(project: SmallProject) -> None:
    replace("dvc.yaml", "stages:\n", "stages:\n  more:\n    cmd: stages/run more\n")(project)
    assert lock_check.differences(workspace(project.root)) == ["more: not in dvc.lock"]


def test_no_lock_and_no_yaml_are_named(project: SmallProject) -> None:
    for text, message in (
        ("a: [", "expected plain YAML, found while parsing"),
        ("", "expected a mapping, found None"),
        ("stages: 1", "expected a mapping `stages`, found 1"),
    ):
        project.write("dvc.lock", text)
        with pytest.raises(ProjectError, match=rf"workspace: dvc\.lock: {message}"):
            lock_check.differences(workspace(project.root))
    (project.root / "dvc.lock").unlink()
    with pytest.raises(ProjectError, match=r"workspace: dvc\.lock: no such file; run `dvc repro`"):
        lock_check.differences(workspace(project.root))


def test_the_message_says_what_to_commit(project: SmallProject) -> None:
    replace("src/train.py", "1", "2")(project)
    message = (
        r"not that of these files \(train: src/train.py: changed\); run `dvc repro` and commit"
    )
    with pytest.raises(ProjectError, match=message):
        lock_check.require(workspace(project.root))


def test_the_lock_of_this_project_is_true() -> None:
    assert lock_check.differences(workspace(PROJECT)) == []
