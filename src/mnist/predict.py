"""Read pictures: `python -m mnist.predict FILE...` prints the likeliest classes of each."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import fitting
from mnist.errors import UserError, run
from mnist.handwriting import digit
from mnist.machine import processor
from mnist.source import photo
from mnist.task import INK, Task

MODEL = Path("models/model.keras")
SURE = 0.5  # probability: below, all other classes together are likelier
LIKELIEST = 3  # classes that are told


def main() -> None:
    """Print a line a picture; refuse them all where one is none, before anything is printed."""
    parser = argparse.ArgumentParser(prog="python -m mnist.predict", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="or a folder")
    parser.add_argument("--json", action="store_true", help="all probabilities, as JSON")
    options = parser.parse_args()
    paths = [path for named in options.files for path in _pictures(named)]
    for path in paths:
        photo.open_file(path)  # what is no picture is told before TensorFlow starts
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import

    network, task, _ = model.load(MODEL)
    probabilities = model.predictor(network)(np.stack([read(path, task) for path in paths]))
    told = [_answer(path, row, task) for path, row in zip(paths, probabilities, strict=True)]
    if options.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(*map(_line, told), sep="\n")


def read(path: Path, task: Task) -> NDArray[np.uint8]:  # [H, W, C]
    """Read a picture as the model was taught to see them. Raises UserError for what is none."""
    if task.photo == INK:
        return digit.read(path)
    return fitting.one(photo.open_file(path), task.shape, task.photo)


def _pictures(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    found = sorted(path for path in named.iterdir() if path.is_file() and path.name[0] != ".")
    if not found:
        raise UserError(f"{named}: expected a picture or a folder of them, found an empty folder")
    return found


def _answer(path: Path, row: NDArray[np.float32], task: Task) -> dict[str, Any]:
    order = np.argsort(-row, kind="stable")
    return {
        "file": str(path),
        "sure": bool(row.max() >= SURE),
        "classes": [
            {"class": task.classes[label], "probability": round(float(row[label]), 6)}
            for label in order
        ],
    }


def _line(told: dict[str, Any]) -> str:
    first, *others = told["classes"][:LIKELIEST]
    doubt = "" if told["sure"] else ", unsure"
    rest = ", ".join(f"{one['class']} ({one['probability']:.1%})" for one in others)
    return f"{told['file']}: {first['class']} ({first['probability']:.1%}{doubt}); then {rest}"


if __name__ == "__main__":
    run(main)
