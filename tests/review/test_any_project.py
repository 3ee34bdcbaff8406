"""Projects that no one here wrote: nothing is where it is here, and the review finds it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import measured
from any_project import JUDGE, PIPELINE, AnyProject
from review.page import page
from review.verdict import verdict
from review.verdict.verdict import Options
from review.words import markdown


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project that a second training has made worse."""
    project = AnyProject(tmp_path_factory.mktemp("any"))
    project.repro()
    project.commit()
    project.write("params.yaml", "seed: 2\n")
    project.repro()
    return project.root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> AnyProject:
    return AnyProject.copied(built, tmp_path / "copy")


def test_three_classes_of_text_are_reviewed_with_what_the_project_declares(
    project: AnyProject,
) -> None:
    """30 rows are wrong where 15 were, and those among them: 15 lost, none won."""
    done = project.review("diff", "--base", "main", "--fail-on", "worse")
    assert (done.returncode, done.stderr) == (1, "review: worse than the base (--fail-on worse)\n")
    for line in (
        "**Worse: of 60 test rows 0 won, 15 lost (exact McNemar p < 0.0001).**",
        "there is no metrics/spread.json; `review spread` measures it.",
        "| test accuracy (95% interval) | 0.7500 (",
        "| f1.macro | 0.7500 | 0.5000 | -0.2500 |",
        "| best | bad | bad | same |",
        "(counts, no test: three tests would find something by chance)",
        "| class | rows | fixed | broken | before | after |",
        "| so-so | 20 | 0 | 5 | 0.7500 | 0.5000 |",
        "| seed | 4 | 2 |",
        "| judge | seed |",
        "The same: data, code.",
        "Broken: r2, r6, r10,",
        "Left out, for no dvc.yaml declares it: learning curves (plots with an x and a y); pack",
    ):
        assert line in done.stdout, line
    assert "metrics/environment" not in done.stdout
    assert "images" not in done.stdout


def test_the_page_of_it_names_its_classes(project: AnyProject) -> None:
    text = page.write(verdict.make(project.root, "main"))
    assert '<th scope="col">very good</th>' in text
    assert "<h2>Left out</h2>" in text
    assert "<svg" in text
    assert "Trained on" not in text


def test_rows_are_paired_by_their_ids_in_any_order(project: AnyProject) -> None:
    """Seed 7 writes the rows the other way round; every seventh is wrong, not every fourth."""
    project.write("params.yaml", "seed: 7\n")
    project.repro()
    review = verdict.make(project.root, "main")
    [table] = review.tables
    assert table.pairing is not None
    assert (len(table.pairing.fixed), len(table.pairing.broken)) == (12, 6)
    assert "Broken: r49, r42, r35, r21, r14, r7" in markdown.write(review, picture=None)


@pytest.mark.fault(76)
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("bad,bad,r3\n", "so-so,bad,r3\n", "(guesses.csv has other labels in main ("),
        (",r3\n", ",r99\n", "(guesses.csv has other rows in main ("),
        (",id\n", ",name\n", "(guesses.csv has ids on one side alone in main ("),
    ],
)
def test_another_test_set_is_told_by_its_rows(
    project: AnyProject, old: str, new: str, why: str
) -> None:
    text = (project.root / "guesses.csv").read_text()
    assert old in text
    project.write("guesses.csv", text.replace(old, new))
    project.write("dvc.lock", relocked(project, "guesses.csv"))
    said = markdown.write(verdict.make(project.root, "main"), picture=None)
    assert "**Not comparable row by row: the test set is not the same" in said
    assert why in said


def relocked(project: AnyProject, path: str) -> str:
    import hashlib  # noqa: PLC0415
    import re  # noqa: PLC0415

    content = (project.root / path).read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    lock = (project.root / "dvc.lock").read_text()
    return re.sub(rf"(path: {path}\n\s+hash: md5\n\s+md5: )\w+", rf"\g<1>{md5}", lock)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((60, 5, 9), "uint8"), ((60, 40, 64, 3), "uint8"), ((60, 3, 2, 1), "float32")],
)
def test_pictures_of_any_size_are_shown(
    project: AnyProject, shape: tuple[int, ...], kind: str
) -> None:
    np.savez_compressed(project.root / "all.npz", images=np.ones(shape, kind))
    review = verdict.make(project.root, "main", Options(images="all.npz"))
    text = markdown.write(review, picture=None)
    assert "of 60 test images 0 won, 15 lost" in text
    assert "#r2: very good, very good → bad" in text
    assert page.write(review).count("<img alt=") == 15 + 24
    done = project.review("diff", "--base=main", "--images=all.npz", "--picture=out.png")
    assert "As a picture: out.png" in done.stdout
    assert (project.root / "out.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"pixels": np.zeros((60, 2, 2))}, "no array `images`"),
        ({"images": np.zeros((60, 4))}, "the shape (60, 4); grey is"),
        ({"images": np.zeros((60, 2, 2), "int64")}, "numbers of type int64; bytes, or 0 to 1, are"),
        ({"images": np.array([[[{}]]] * 60)}, "images.npy of shape (60, 1, 1) and type object"),
    ],
)
def test_pictures_that_are_none_are_told(
    project: AnyProject, arrays: dict[str, np.ndarray], told: str
) -> None:
    np.savez(project.root / "all.npz", **arrays)  # type: ignore[arg-type]
    done = project.review("diff", "--base", "main", "--images", "all.npz")
    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("all.npz: expected an array `images`, found ")
    assert told in line


def test_without_predictions_the_rest_is_reviewed(project: AnyProject) -> None:
    project.write("dvc.yaml", PIPELINE.replace("template: confusion, ", ""))
    project.repro()
    project.commit()
    project.write("params.yaml", "seed: 3\n")
    project.repro()
    done = project.review("diff", "--base", "HEAD")
    assert (done.returncode, done.stderr) == (0, "")
    assert "**No predictions to compare: dvc.yaml has no plot with the template" in done.stdout
    assert "| f1.macro | 0.5000 | 0.6667 | +0.1667 |" in done.stdout
    least = project.review("diff", "--base", "HEAD", "--min-accuracy", "0.5")
    told = "review: --min-accuracy: expected predictions, found none\n"
    assert (least.returncode, least.stderr) == (2, told)


@pytest.mark.fault(77)
def test_predictions_that_dvc_keeps_are_read_from_its_cache(tmp_path: Path) -> None:
    """And where the cache has them no more, they are left out and named."""
    text = PIPELINE.replace("cache: false, ", "").replace(": {cache: false}", "")
    files = {"dvc.yaml": text, "judge.py": JUDGE, "params.yaml": "seed: 4\n", "reviews/a": "a"}
    project = AnyProject(tmp_path, files)
    project.repro()
    project.commit()
    project.write("params.yaml", "seed: 2\n")
    project.repro()
    done = project.review("diff", "--base", "main")
    assert "**Worse: of 60 test rows 0 won, 15 lost" in done.stdout
    assert "| f1.macro | 0.7500 | 0.5000 | -0.2500 |" in done.stdout
    kept = (tmp_path / "guesses.csv").read_text()
    (tmp_path / "guesses.csv").unlink()
    project.write("guesses.csv", "truth,guess,id\na,a,1\n")
    done = project.review("locked")
    assert (done.returncode, "(judge: guesses.csv: changed)" in done.stderr) == (2, True)
    project.write("guesses.csv", kept)
    assert project.review("locked").returncode == 0
    shutil.rmtree(tmp_path / ".dvc/cache")
    (tmp_path / "guesses.csv").unlink()
    done = project.review("diff", "--base", "main")
    told = "No predictions to compare: guesses.csv is not here, DVC keeps it (`dvc pull`)"
    assert told in done.stdout
    assert "Left out, for DVC keeps it and it is not here (`dvc pull`): guesses.csv." in done.stdout


@pytest.mark.parametrize("confidence", ["0", "1", "nan", "2"])
def test_a_confidence_that_is_none_is_told(project: AnyProject, confidence: str) -> None:
    done = project.review("diff", "--base", "main", f"--confidence={confidence}")
    told = (
        f"review: --confidence: expected a number, 1e-06 to 0.999999, found {float(confidence)}\n"
    )
    assert (done.returncode, done.stderr) == (2, told)


def test_a_confidence_that_is_asked_for_is_that_of_every_interval(project: AnyProject) -> None:
    done = project.review("diff", "--base", "main", "--confidence", "0.9")
    assert "| test accuracy (90% interval) |" in done.stdout
    assert "| its 90% interval |" in done.stdout


TWO = """\
stages:
  judge:
    cmd: python judge.py
    deps: [judge.py]
    params: [{other.toml: [table.rate]}]
    outs: [out: {cache: false}]
metrics: [out/scores.json]
plots:
  - Confusion:
      template: confusion
      x: actual
      y:
        out/train.json: predicted
        out/test.json: predicted
  - Rate: {x: step, y: {out/steps.tsv: [loss, accuracy]}}
"""
WRITE = """\
import json, pathlib, re
rate = float(re.search(r"rate = (.*)", open("other.toml").read()).group(1))
out = pathlib.Path("out"); out.mkdir(exist_ok=True)
for name, wrong in (("train", 1), ("test", int(20 * rate))):
    rows = [{"actual": "yes", "predicted": "no" if i < wrong else "yes"} for i in range(40)]
    (out / f"{name}.json").write_text(json.dumps(rows))
(out / "scores.json").write_text(json.dumps({"test": {"auc": 1 - rate}, "n": 40}))
(out / "steps.tsv").write_text(f"step\\tloss\\taccuracy\\n0\\t1\\t0.5\\n10\\t{rate}\\t0.9\\n")
"""


def test_several_tables_in_json_are_each_reviewed(tmp_path: Path) -> None:
    """As dvclive writes them into a folder that git holds; top-level metrics and plots, TOML."""
    project = AnyProject(
        tmp_path, {"dvc.yaml": TWO, "judge.py": WRITE, "other.toml": "[table]\nrate = 0.1\n"}
    )
    project.repro()
    project.commit()
    project.write("other.toml", "[table]\nrate = 0.9\n")
    project.repro()
    done = project.review("diff", "--base", "main")
    assert done.stderr == ""
    for line in (
        "**out/train.json: No difference: both models read the same 39 of 40 rows right; by its",
        "**out/test.json: Worse: of 40 rows 0 won, 16 lost (exact McNemar p < 0.0001).**",
        "| out/train.json: accuracy (95% interval) | 0.9750",
        "| test.auc | 0.9000 | 0.1000 | -0.8000 |",
        "| other.toml: table.rate | 0.1 | 0.9 |",
        "| judge | other.toml: table.rate |",
        "## The same rows, one by one: out/test.json",
    ):
        assert line in done.stdout, line
    text = page.write(verdict.make(project.root, "main"))
    assert text.count("<polyline") == 4
    assert "Confusion matrix: out/test.json" in text
    assert project.review("diff", "--base", "main", "--fail-on", "worse").returncode == 1
    assert project.review("locked").returncode == 0
    project.write("out/test.json", "[]")
    assert "(judge: out: changed)" in project.review("locked").stderr


MANY = """\
stages:
  judge:
    cmd: sh judge.sh
    deps: [judge.sh]
    params: [seed]
    plots:
      - guesses.csv: {cache: false, template: confusion, x: truth, y: guess}
"""
WRITE_MANY = """\
awk -v seed=$(sed -n 's/seed: //p' params.yaml) 'BEGIN {
  print "id,truth,guess,probability"
  for (i = 0; i < 1000000; i++)
    printf "%d,class %d,class %d,0.%06d\\n", i, i % 100, (i + (i % 9 == seed)) % 100, i
}' > guesses.csv
"""


@pytest.mark.slow
def test_a_million_rows_of_a_hundred_classes_take_seconds_and_bounded_memory(
    tmp_path: Path,
) -> None:
    """Every ninth is wrong, another ninth in either: 111,111 won and lost. Seconds, 2 GB."""
    project = AnyProject(
        tmp_path, {"dvc.yaml": MANY, "judge.sh": WRITE_MANY, "params.yaml": "seed: 1\n"}
    )
    project.repro()
    project.commit()
    project.write("params.yaml", "seed: 2\n")
    project.repro()
    words = ("report", "--base", "main", "--output", "page.html")
    done = project.review(*words, before=measured.COMMAND)
    assert (done.returncode, done.stderr) == (0, "")
    seconds, memory = measured.last(done.stdout)
    # of the processor, 11 where this was written: the clock of a shared machine tells of others
    assert seconds < 40
    assert memory < 2_000_000  # kB
    text = (tmp_path / "page.html").read_text()
    assert len(text) < 200_000
    assert "of 1,000,000 test rows 111111 won, 111111 lost" in text
    assert "100 classes; the 25 commonest of 100 kinds of mistakes" in text
    markdown_of_it = project.review("diff", "--base", "main").stdout
    assert len(markdown_of_it) < 20_000
    left_out = "something by chance; the 20 of 100 classes that moved most)"
    assert f"(counts, no test: 100 tests would find {left_out}" in markdown_of_it
