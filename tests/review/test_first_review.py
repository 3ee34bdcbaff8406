"""The pull request that brings the pipeline in, or another set of keys: a dash for what was not."""

from pathlib import Path

import pytest

from dvcproject.errors import ProjectError
from review.page import page as pages
from review.verdict import verdict
from review.words import markdown
from small_project import IMAGES, SmallProject
from test_review import command


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Build a repository whose main has nothing but a README, and a first training beside it."""
    project = SmallProject(tmp_path)
    project.write("README", "to come\n")
    project.git("add", "README")
    project.git("commit", "-qm", "first")
    project.git("switch", "-qc", "pipeline")
    project.repro(wrong=set(range(10)))
    return project


@pytest.mark.fault(47)
def test_the_first_pull_request_is_reviewed_with_the_new_side_alone(project: SmallProject) -> None:
    done = command(project, "--fail-on", "worse", "--min-accuracy", "0.9")
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "metrics/predictions.csv; 90 of 100 test images are read right.**",
        "**Nothing to compare with: main (",
        "| test accuracy (95% interval) | — | 0.9000 (0.8256 to 0.9448) | — |",
        "| log loss | — | 0.1000 | — |",
        "| validation images | — | 50 | — |",
        "| train.learning_rate | — | 0.1 |",
        "| train | new |",
    ):
        assert line in done.stdout, line
    assert "Doubtful" not in done.stdout
    assert "two trained models" not in done.stdout


@pytest.mark.fault(47)
def test_the_first_report_has_no_picture_of_what_was_not(project: SmallProject) -> None:
    page = pages.write(verdict.make(project.root, "main", IMAGES))
    assert "<h1>Nothing to compare with: main (" in page
    assert page.count("<polyline") == 1
    assert "The worst 10 of 10 mistakes, workspace" in page


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("path", "text", "row"),
    [
        ("metrics/evaluation.json", "{}", "| log loss | — | 0.1000 | — |"),
        (
            "metrics/train.json",
            '{"validation_accuracy": 0.8}',
            "| validation accuracy (95% interval) | — | 0.9000 (0.7864 to 0.9565) | — |",
        ),
        ("metrics/train.json", '{"epochs": 3}', "| epochs | 3 | — | — |"),
        ("metrics/environment.json", "", "No difference: both models read the same 90 of 100"),
        ("metrics/curve.csv", "", "No difference: both models read the same 90 of 100"),
        ("params.yaml", "", "| evaluate.confidence | — | 0.95 |"),
        ("requirements.lock", "", "| numpy | — | 2.4.6 |"),
        ("dvc.lock", "", "has the md5 none in main ("),
    ],
)
def test_a_base_with_fewer_files_or_keys_is_a_dash(
    project: SmallProject, path: str, text: str, row: str
) -> None:
    now = (project.root / path).read_text()
    project.write(path, text)
    if not text:
        (project.root / path).unlink()
    project.commit()
    project.git("branch", "-f", "main")
    project.write(path, now)
    review = verdict.make(project.root, "main", IMAGES)
    assert row in markdown.write(review, picture=None)
    assert "</html>" in pages.write(review)


def test_what_the_workspace_lacks_is_an_error_still(project: SmallProject) -> None:
    (project.root / "metrics/predictions.csv").unlink()
    with pytest.raises(ProjectError, match=r"\(evaluate: metrics/predictions\.csv: missing\); run"):
        verdict.make(project.root, "main", IMAGES)
