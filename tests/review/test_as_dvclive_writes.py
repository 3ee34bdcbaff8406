"""The shape that dvclive and DVC's own example give a project, reviewed without an edit."""

import shutil
from pathlib import Path

import pytest

from any_project import AnyProject
from dvcproject.revision import workspace
from review.page import page
from review.record import record
from review.verdict import verdict
from review.verdict.compared import SAME
from review.words import markdown

PIPELINE = """\
stages:
  clean:
    cmd: python run.py clean
    deps: [run.py]
    params: [rows]
    outs: [clean.txt]
  fit:
    cmd: python run.py fit
    deps: [run.py, clean.txt]
    params: [depth]
    outs: [weights.bin, importance.png]
  judge:
    cmd: python run.py judge
    deps: [run.py, clean.txt, weights.bin]
    outs: [eval]
metrics: [eval/metrics.json]
plots:
- ROC:
    template: simple
    x: fpr
    y: {eval/roc/train.json: tpr, eval/roc/test.json: tpr}
- Confusion:
    template: confusion
    x: actual
    y: {eval/cm/train.json: predicted, eval/cm/test.json: predicted}
- live/steps:
    x: step
- live/pictures
"""
RUN = """\
import json, pathlib, re, sys
text = open("params.yaml").read()
rows, depth = (int(re.search(rf"{key}: (.*)", text).group(1)) for key in ("rows", "depth"))
def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)
def clean():
    write("clean.txt", f"{rows}")
def fit():
    write("weights.bin", f"{depth}")
    write("importance.png", f"{depth}")
    lines = [f"{step}\\t{1 / (step + depth)}" for step in range(depth)]
    write("live/steps/loss.tsv", "step\\tloss\\n" + "\\n".join(lines))
    write("live/steps/deep/rate.tsv", "step\\trate\\n0\\t1\\n1\\t0.5\\n")
    write("live/pictures/a.png", "no table")
def judge():
    write("eval/metrics.json", json.dumps({"roc_auc": {"train": 0.9, "test": 0.8}}))
    for name, wrong in (("train", 40 - 2 * depth), ("test", 10)):
        table = [{"actual": "1", "predicted": str(int(row >= wrong))} for row in range(50)]
        write(f"eval/cm/{name}.json", json.dumps(table))
        roc = [{"fpr": x, "tpr": y} for x, y in ((0, 0), (0, 0.5), (1, 1))]
        write(f"eval/roc/{name}.json", json.dumps({"roc": roc}))
globals()[sys.argv[1]]()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project whose second training knows less of what it was trained on."""
    files = {"dvc.yaml": PIPELINE, "run.py": RUN, "params.yaml": "rows: 1\ndepth: 20\n"}
    project = AnyProject(tmp_path_factory.mktemp("live"), files)
    project.repro()
    project.commit()
    project.write("params.yaml", "rows: 1\ndepth: 10\n")
    project.repro()
    return project.root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> AnyProject:
    return AnyProject.copied(built, tmp_path / "copy")


def test_what_the_model_was_trained_on_is_told_and_decides_nothing(project: AnyProject) -> None:
    """Twenty rows of the training are lost, none of the test: that is no worse model."""
    done = project.review("diff", "--base=main", "--fail-on=worse", "--min-accuracy=0.7")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (line for line in done.stdout.splitlines() if line.startswith("**"))
    assert first == (
        "**eval/cm/test.json: No difference: both models read the same 40 of 50 rows right.**"
    )
    assert second == (
        "**eval/cm/train.json: Worse: of 50 rows 0 won, 20 lost (exact McNemar p < 0.0001); "
        "by its name the model has seen these rows, so they decide nothing.**"
    )
    assert "| eval/cm/train.json: accuracy (95% interval) | 1.0000 (" in done.stdout
    assert "test rows" not in done.stdout
    review = verdict.make(project.root, "main")
    assert review.outcome == SAME
    assert '<header class="same">' in page.write(review)


def test_a_table_of_the_training_decides_where_there_is_no_other(project: AnyProject) -> None:
    text = PIPELINE.replace(", eval/cm/test.json: predicted", "")
    project.write("dvc.yaml", text)
    done = project.review("diff", "--base", "main", "--fail-on", "worse")
    assert (done.returncode, done.stderr) == (1, "review: worse than the base (--fail-on worse)\n")
    assert "**Worse: of 50 test rows 0 won, 20 lost" in done.stdout


def test_a_folder_of_plots_over_a_column_is_a_curve_a_file(project: AnyProject) -> None:
    """As DVC draws it: the last column of each table, over the column that is named."""
    found = record.read(workspace(project.root), whole=True)
    drawn = {
        line.path: (line.x, list(columns))
        for line, columns in found.curves.items()
        if "live" in line.path
    }
    assert drawn == {
        "live/steps/deep/rate.tsv": ("step", ["rate"]),
        "live/steps/loss.tsv": ("step", ["loss"]),
    }
    text = page.write(verdict.make(project.root, "main"))
    assert "<h2>loss over step</h2>" in text
    assert "main (" in text
    assert "0.05263 at 9" in text
    shutil.rmtree(project.root / "live")
    assert "loss over step" in page.write(verdict.make(project.root, "main")), "the base has it"


def test_curves_of_one_name_say_which_file_and_only_what_runs_on_has_a_last_value(
    project: AnyProject,
) -> None:
    text = page.write(verdict.make(project.root, "main"))
    assert "<h2>tpr over fpr: eval/roc/test.json</h2>" in text
    assert "<h2>tpr over fpr: eval/roc/train.json</h2>" in text
    assert "1 at 1" not in text


def test_models_and_results_are_no_data(project: AnyProject) -> None:
    """A model is what was made from the data beside it; nobody reads a result."""
    text = markdown.write(verdict.make(project.root, "main"), picture=None)
    assert "The same: data, code." in text
    assert "Data:" not in text


@pytest.mark.fault(80)
def test_other_data_behind_equal_labels_is_told(project: AnyProject) -> None:
    project.write("params.yaml", "rows: 2\ndepth: 10\n")
    project.repro()
    text = markdown.write(verdict.make(project.root, "main"), picture=None)
    assert "Data: clean.txt" in text
    assert "clean.txt, which eval/cm/test.json is made from, is not that of main (" in text
    assert text.count("): that the rows are the same is known by their classes alone.") == 1
