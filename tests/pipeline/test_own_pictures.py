"""From a folder of pictures to a reviewed model, by the commands of the README."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageDraw

PROJECT = Path(__file__).parents[2]
FIELDS = ("NAME", "EMAIL")
CLASSES = ("größeres Quadrat", "runder Kreis")
SMALL = {
    "model": {"blocks": [[8], [8]], "dense": [16]},
    "train": {"steps": 200, "validate_every": 100, "checkpoint_every": 100},
}

pytestmark = pytest.mark.slow


def draw(folder: Path) -> None:
    """Draw thirty of each class: of any size and colour, in four formats."""
    for number in range(60):
        label = CLASSES[number % 2]
        width, height = 40 + number % 23, 44 + number % 17
        image = Image.new("RGB", (width, height), (200 + number % 50, 255 - number, 230))
        pen, box = ImageDraw.Draw(image), (9 + number % 5, 10, 31 + number % 5, 32)
        (pen.rectangle if number % 2 == 0 else pen.ellipse)(box, fill=(number, 90, 2 * number))
        path = folder / label / f"Bild {number} ü.{('png', 'jpg', 'webp', 'bmp')[number % 4]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own") / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True)
    for path in filter(None, listed.stdout.decode().split("\0")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / path, root / path)
    (root / ".venv").symlink_to(Path(sys.executable).parent.parent)
    recipe = root / "recipes/folder.yaml"
    params = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    for section, values in SMALL.items():
        params[section] |= values
    recipe.write_text("# small\n" + yaml.safe_dump(params), encoding="utf-8")
    git(root, "init", "-q", "-b", "main")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> None:
    person = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run([*person, *arguments], cwd=root, check=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "-qm", "all of it")


def commit_as_the_readme_says(root: Path) -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^    (git add .*? && git commit .*?)  ", text, re.M)
    person = {f"GIT_{who}_{what}": "me@here" for who in ("AUTHOR", "COMMITTER") for what in FIELDS}
    subprocess.run(["bash", "-ec", command], cwd=root, env=os.environ | person, check=True)


def listed(root: Path, *arguments: str) -> set[str]:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return {*done.stdout.splitlines()}


def make(root: Path, *arguments: str) -> str:
    left_out = ("MAKE", "DVC_", "STAGE_", "DATASET_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    env["DATASET_MIRROR"] = str(root.parent)  # a folder that has none of these pictures
    command = ["make", "-s", *arguments]
    done = subprocess.run(command, cwd=root, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.fault(116, 118)
def test_a_folder_of_pictures_becomes_a_reviewed_model(clone: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "my pictures"
    draw(pictures)
    said = make(clone, "dataset", f"FROM={pictures}", "NAME=mine")
    assert "größeres Quadrat: 25 to train, 5 to test" in said
    make(clone, "repro", "RECIPE=folder", "ENGINE=host")
    evaluation = json.loads((clone / "metrics/evaluation.json").read_text(encoding="utf-8"))
    assert set(evaluation["accuracy_of_class"]) == set(CLASSES)
    assert evaluation["images"] == 10
    (clone / "pictures").mkdir()
    (clone / "pictures/private.png").touch()
    commit_as_the_readme_says(clone)
    tracked = listed(clone, "ls-files")
    assert {"mirrors/mine.dvc", "datasets/mine.yaml"} <= tracked
    assert not [path for path in tracked if path.endswith((".zip", "private.png"))]
    assert listed(clone, "status", "--porcelain") == {"?? pictures/"}, "the rest is committed"
    git(clone, "checkout", "-q", "main~1")
    assert listed(clone, "status", "--porcelain") == {"?? pictures/"}, "and on other branches"
    git(clone, "checkout", "-q", "main")

    [line, *_] = make(clone, "predict", f"IMAGE={pictures / CLASSES[1]}").splitlines()
    assert any(f": {label} (" in line for label in CLASSES)

    path = clone / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("steps: 200", "steps: 300"))
    make(clone, "repro", "ENGINE=host")
    review = make(clone, "review", "BASE=HEAD")
    assert "of 10 " in review
    assert "train.steps" in review
    make(clone, "report", "BASE=HEAD")
    assert "runder Kreis" in (clone / "report.html").read_text(encoding="utf-8")
