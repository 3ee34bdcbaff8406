"""Two commits that differ by one param: the review against numbers worked out by hand."""

import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest
import yaml

import measured
from dvcproject.errors import ProjectError
from review.page import page as pages
from review.verdict import verdict
from review.verdict.seeds import digest
from review.words import markdown
from small_project import ENVIRON, IMAGES, SmallProject, program

SOURCE = Path(__file__).parents[2] / "src"
DIFF = ("diff", "--base", "main", "--images", str(IMAGES.images))


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Build a repository whose main reads 90 of 100 test images right, all but the first ten."""
    project = SmallProject(tmp_path)
    project.repro(wrong=set(range(10)))
    project.commit()
    return project


def review(project: SmallProject) -> str:
    return markdown.write(verdict.make(project.root, "main", IMAGES), picture=None)


def command(project: SmallProject, *options: str) -> subprocess.CompletedProcess[str]:
    return program(project.root, *DIFF, *options)


def test_one_param_changed_is_reviewed_in_full(project: SmallProject) -> None:
    """Image 50 is lost, 0 to 7 are won.

    p = 2 (1 + 9) / 2^9 = 0.039. Wilson: 0.8256 to 0.9448 and 0.9155 to 0.9897. Correlation:
    (89 * 2 - 8 * 1 - 100 / 2) / sqrt(97 * 3 * 90 * 10) = 0.234; so 7.00 - sqrt(5.45^2 + 4.48^2 -
    2 * 0.234 * 5.45 * 4.48) = 0.81 points, and likewise 14.23 above.
    """
    project.params["train"]["learning_rate"] = 0.2
    project.repro(wrong={8, 9, 50})
    text = review(project)
    for line in (
        "**Better: of 100 test images 8 won, 1 lost (exact McNemar p = 0.039).**",
        "This compares two trained models on these images, not two recipes",
        "not known: there is no metrics/spread.json; `make spread` measures it.",
        "| test accuracy (95% interval) | 0.9000 (0.8256 to 0.9448) | 0.9700 (0.9155 to 0.9897) "
        "| +7.00 points |",
        "| test errors | 10 | 3 | -7 |",
        "| both right | 89 |",
        "| both wrong | 2 |",
        "| its 95% interval | +0.81 to +14.23 |",
        "| 0 | 10 | 1 | 1 | 0.9000 | 0.9000 |",
        "| 7 | 10 | 1 | 0 | 0.9000 | 1.0000 |",
        "| train.learning_rate | 0.1 | 0.2 |",
        "| train | train.learning_rate |",
        "| evaluate | models/model.keras |",
        "The same: data, code, environment, platform.",
        "Broken: 50",
        "Fixed: 0, 1, 2, 3, 4, 5, 6, 7",
        "#50: 0, 0 → 1",
        "⣿⣿",
    ):
        assert line in text, line
    assert "| 8 | 10 |" not in text
    assert "accuracy low" not in text, "the interval of the accuracy stands beside it"


def test_identical_models_are_no_difference(project: SmallProject) -> None:
    text = review(project)
    assert "**No difference: both models read the same 90 of 100 test images right.**" in text
    assert "The same: params, stages, data, code, environment, platform." in text
    assert "changed sides" not in text


def test_five_flipped_predictions_are_noise(project: SmallProject) -> None:
    """By hand: 2 / 2^5 = 0.0625."""
    project.params["train"]["seed"] = 2
    project.repro(wrong=set(range(15)))
    found = "No difference beyond noise: of 100 test images 0 won, 5 lost (exact McNemar p = 0.062)"
    assert found in review(project)


def test_another_test_set_is_not_paired(project: SmallProject) -> None:
    project.params["preprocess"]["seed"] = 2
    project.repro(wrong={1})
    text = review(project)
    assert "**Not comparable image by image: the test set is not the same (data/prepared/" in text
    assert "| 0.9000 (0.8256 to 0.9448) | 0.9900 (0.9455 to 0.9982) |" in text
    assert "Data: data/prepared/test.npz" in text
    assert "McNemar" not in text
    assert "one by one" not in text


def test_code_environment_and_platform_that_changed_are_named(project: SmallProject) -> None:
    project.write("src/train.py", "train = 2\n")
    project.write("requirements.lock", "numpy==2.5.0 \\\n    --hash=sha256:00\n")
    project.write_json("metrics/environment.json", {"python": "3.12.1", "processor": "Xeon"})
    project.repro(wrong=set(range(10)))
    text = review(project)
    for line in (
        "Code: src/train.py",
        "| python | 3.11.7 | 3.12.1 |",
        "| numpy | 2.4.6 | 2.5.0 |",
        "| processor | AMD EPYC | Xeon |",
        "| train | src/train.py, requirements.lock |",
    ):
        assert line in text, line


def test_the_record_of_another_model_says_nothing_of_this_one(project: SmallProject) -> None:
    """As it lies there where DVC restored the model from its run cache: nothing wrote it anew."""
    before = (project.root / "metrics/environment.json").read_text()
    project.params["train"]["seed"] = 2
    project.repro(wrong={1})
    project.write("metrics/environment.json", before.replace("AMD EPYC", "another run's"))
    text = review(project)
    unknown = "not known: no metrics/environment.json of this model"
    assert f"| processor and system | known | {unknown} |" in text
    assert f"| python and packages | known | {unknown} |" in text
    assert "another run's" not in text
    assert "The same: data, code." in text
    page = pages.write(verdict.make(project.root, "main", IMAGES))
    assert unknown in page
    assert "another run" not in page


@pytest.mark.parametrize(
    ("sd", "lies"), [(0.0178, "this change lies beyond that"), (0.0179, "lies within that")]
)
def test_the_spread_of_seeds_is_held_against_the_change(
    project: SmallProject, sd: float, lies: str
) -> None:
    """Student's t at 97.5 %, 4 degrees of freedom: 2.776; 7 points = 2.776 sqrt(2) 0.01783."""
    belongs = {"param": "train.seed", "params_digest": project.digest(), "sd": sd, "n": 5}
    project.write_json("metrics/spread.json", belongs)
    project.params["train"]["seed"] = 2
    project.repro(wrong={0, 1, 2})
    text = review(project)
    assert "5 seeds of the recipe of workspace" in text
    assert lies in text


def test_a_spread_of_the_base_serves_where_the_recipe_changed(project: SmallProject) -> None:
    belongs = {"param": "train.seed", "params_digest": project.digest(), "sd": 0.001, "n": 5}
    project.write_json("metrics/spread.json", belongs)
    project.params["train"]["learning_rate"] = 0.2
    project.repro(wrong=set(range(9)))
    text = review(project)
    assert "differ by up to 0.39 points (95%, 5 seeds of the recipe of main (" in text


@pytest.mark.parametrize(("wrong", "lies"), [(9, "within"), (2, "beyond")])
def test_a_spread_of_another_metric_is_held_against_that(
    project: SmallProject, wrong: int, lies: str
) -> None:
    """Its log loss is a hundredth a mistake, of ten before; 2.776 sqrt(2) 0.01 = 0.0393."""
    belongs = {"params_digest": project.digest(), "metric": "log_loss", "sd": 0.01, "n": 5}
    project.write_json("metrics/spread.json", belongs | {"param": "train.seed"})
    project.params["train"]["seed"] = 2
    project.repro(wrong=set(range(wrong)))
    assert (
        "By seed alone, log_loss of two trainings of one recipe differs by up to 0.0393 "
        f"(95%, 5 seeds of the recipe of workspace): its change, -0.0{10 - wrong}00, lies {lies} "
        "that. How far seeds move the accuracy is not known."
    ) in review(project).replace("`", "")


def test_a_stale_spread_is_not_used(project: SmallProject) -> None:
    other = {"params_digest": digest({"train.steps": 7}, "train.seed"), "sd": 1, "n": 5}
    project.write_json("metrics/spread.json", other)
    project.params["train"]["seed"] = 2
    project.repro(wrong=set(range(10)))
    assert "is stale, it belongs to other params: not used; `make spread`" in review(project)


def test_no_data_no_picture_but_the_indices(project: SmallProject) -> None:
    project.params["train"]["seed"] = 2
    project.repro(wrong={3, 4})
    project.without_data()
    text = review(project)
    assert "No pictures: the test images of this dvc.lock are not here" in text
    assert "Fixed: 0, 1, 2, 5, 6, 7, 8, 9" in text


def test_images_that_dvc_lock_does_not_name_are_not_shown(project: SmallProject) -> None:
    (project.root / "data/prepared/test.npz").write_bytes(b"other")
    assert verdict.make(project.root, "main", IMAGES).images is None


def test_the_base_is_doubted_where_its_own_lock_is_stale(project: SmallProject) -> None:
    project.write("src/train.py", "train = 3\n")
    project.commit()
    project.write("src/train.py", "train = 1\n")
    text = review(project)
    assert "Doubtful: the dvc.lock of main (" in text
    assert "(train: src/train.py: changed)" in text


def test_an_unknown_base_and_a_missing_file_are_named(project: SmallProject) -> None:
    with pytest.raises(ProjectError, match="base: expected a git revision, found 'nowhere'"):
        verdict.make(project.root, "nowhere")
    with pytest.raises(ProjectError, match="base: expected a git revision, found '--all'"):
        verdict.make(project.root, "--all")
    (project.root / "metrics/environment.json").unlink()  # a record, which dvc.lock does not name
    with pytest.raises(ProjectError, match=r"workspace: metrics/environment\.json: no such file"):
        verdict.make(project.root, "main", IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index,actual,predicted,probability\n0,1,1,x\n", "probability: could not convert"),
        ("index,actual,predicted,probability\n0,1,1\n", "expected a table, found 4 names for 3"),
        ("index,actual,predicted\n0,,1\n", "actual: expected classes, found an empty one"),
        ("index,actual,predicted\n7,1,1\n7,1,1\n", "index: expected each once, found one twice"),
        ("index,label\n0,1\n", "expected a column 'actual', found none"),
    ],
)
def test_broken_predictions_are_named(project: SmallProject, content: str, message: str) -> None:
    project.write("metrics/predictions.csv", content)
    project.lock()
    with pytest.raises(ProjectError, match=f"workspace: metrics/predictions.csv: {message}"):
        verdict.make(project.root, "main", IMAGES)


def test_an_accuracy_has_its_interval_where_a_count_stands_beside_it(
    project: SmallProject,
) -> None:
    project.write_json("metrics/train.json", {"validation_accuracy": 0.9, "note": "a | b"})
    project.lock()
    text = review(project)
    assert "| validation accuracy | 0.9000 | 0.9000 | same |" in text
    assert "| note | — | `a \\| b` | — |" in text
    project.write("metrics/train.json", "[1")
    project.lock()
    with pytest.raises(ProjectError, match=r"workspace: metrics/train\.json: expected JSON, found"):
        verdict.make(project.root, "main", IMAGES)


def test_the_command_writes_both_files_and_its_status_is_for_ci(project: SmallProject) -> None:
    project.params["train"]["seed"] = 2
    project.repro(wrong=set(range(20)))
    done = command(project, "--output", "review.md", "--picture", "review.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = (project.root / "review.md").read_text()
    assert "As a picture: review.png\n" in written
    assert matplotlib.image.imread(project.root / "review.png").ndim == 3
    worse = command(project, "--fail-on", "worse")
    assert (worse.returncode, worse.stderr) == (
        1,
        "review: worse than the base (--fail-on worse)\n",
    )
    assert worse.stdout == written.replace("As a picture: review.png\n\n", "")
    below = command(project, "--min-accuracy", "0.81")
    assert (below.returncode, "expected an accuracy of at least 0.81" in below.stderr) == (1, True)
    assert command(project, "--min-accuracy", "0.8").returncode == 0


def test_a_review_of_a_stale_lock_is_refused(project: SmallProject) -> None:
    project.params["train"]["seed"] = 2
    project.write("params.yaml", "train: {seed: 2}")
    done = command(project, "--output", "review.md")
    assert done.returncode == 2
    assert "workspace: dvc.lock is not that of these files (" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (project.root / "review.md").exists()


def test_ten_thousand_images_take_seconds_and_no_tensorflow(tmp_path: Path) -> None:
    project = SmallProject(tmp_path, images=10_000)
    project.repro(wrong=set(range(80)))
    project.commit()
    project.params["train"]["seed"] = 2
    project.repro(wrong=set(range(20, 95)))
    argv = [*measured.COMMAND, sys.executable, "-m", "review", *DIFF]
    done = subprocess.run(
        argv, cwd=project.root, env=ENVIRON, check=False, capture_output=True, text=True
    )
    assert "of 10,000 test images 20 won, 15 lost (exact McNemar p = 0.500)" in done.stdout
    # of the processor, 1.4 where this was written: the clock of a shared machine tells of others
    assert measured.last(done.stdout)[0] < 5
    code = (
        "import sys, review.commands.diff, review.__main__; sys.exit('tensorflow' in sys.modules)"
    )
    env = {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_one_number_in_two_notations_is_no_change(project: SmallProject) -> None:
    """DVC writes 5e-05 to dvc.lock for 0.00005: a number in YAML 1.2, a text in 1.1."""
    project.params["train"]["learning_rate"] = 0.00005
    project.repro(wrong=set(range(10)))
    lock = (project.root / "dvc.lock").read_text()
    assert "5.0e-05" in lock
    project.write("dvc.lock", lock.replace("5.0e-05", "5e-05"))
    project.commit()
    params = (project.root / "params.yaml").read_text()
    project.write("params.yaml", params.replace("5.0e-05", "0.00005"))
    assert "The same: params, stages, data, code, environment, platform." in review(project)


@pytest.mark.fault(138)
def test_the_same_model_with_another_threshold_is_no_matter_of_seeds(
    project: SmallProject,
) -> None:
    belongs = {"param": "train.seed", "params_digest": project.digest(), "sd": 0.1, "n": 5}
    project.write_json("metrics/spread.json", belongs)
    project.params["evaluate"]["confidence"] = 0.9
    project.repro(wrong={8, 9})
    text = review(project)
    assert (
        "Both sides have the same model, models/model.keras: a difference does not come from "
        "training or its seeds."
    ) in text
    for words in ("two trained models", "seed gives another", "By seed alone"):
        assert words not in text
    page = pages.write(verdict.make(project.root, "main", IMAGES))
    assert "Both sides have the same model" in page
    assert "two trained models" not in page


@pytest.mark.fault(138)
def test_the_name_of_a_file_stays_as_it_is(tmp_path: Path) -> None:
    """Two files have one key, and a third is a number alone; keys are words, names are not."""
    project = SmallProject(tmp_path)
    text = (tmp_path / "dvc.yaml").read_text()
    more = "".join(f"      - more_{name}: {{cache: false}}\n" for name in ("a.json", "b.yaml"))
    project.write("more_a.json", '{"log_loss": 0.5, "f_score": 0.25}')
    project.write("more_b.yaml", "0.75\n")
    stages = text.replace(
        "    metrics: [metrics/evaluation.json: {cache: false}]\n",
        f"    metrics:\n      - metrics/evaluation.json: {{cache: false}}\n{more}",
    )
    project.write("dvc.yaml", stages)
    project.repro(wrong={1})
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text())
    outs = [project.record(name) for name in ("more_a.json", "more_b.yaml")]
    lock["stages"]["evaluate"]["outs"] += outs
    project.write("dvc.lock", yaml.safe_dump(lock))
    project.commit()
    found = review(project).replace("`", "")
    for row in ("| more_a.json: log loss | 0.5", "| f score | 0.25", "| more_b.yaml | 0.75"):
        assert row in found, row
