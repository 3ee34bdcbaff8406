"""Read pictures: `python -m mnist.predict FILE...` prints the likeliest classes of each."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist import argument
from mnist.arrays import resizing
from mnist.errors import UserError, printable, require_output, run
from mnist.handwriting import digit
from mnist.handwriting.digit import Look
from mnist.machine import processor
from mnist.source import photo
from mnist.task import INK, Task

MODEL = Path("models/model.keras")
EXAMPLE = "make predict IMAGE=~/new.jpg"
SURE = 0.5  # probability: below, all other classes together are likelier
LIKELIEST = 3  # classes that are told


def main() -> None:
    """Print a line a picture; refuse them all where one is none, before anything is printed."""
    parser = argparse.ArgumentParser(prog="python -m mnist.predict", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="or a folder")
    parser.add_argument("--json", action="store_true", help="all probabilities, as JSON")
    options = parser.parse_args()
    typed = [argument.path(file, "IMAGE", EXAMPLE) for file in options.files]
    paths = [path for named in typed for path in _pictures(named)]
    for path in paths:
        photo.open_file(path)  # what is no picture is told before TensorFlow starts
    require_output(MODEL)
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import

    network, task, _ = model.load(MODEL)
    seen = [_seen(path, task) for path in paths]
    shown = [one.pixels for one in seen if isinstance(one, Look)]
    rows = iter(model.predictor(network)(np.stack(shown)) if shown else ())
    told = [
        {"file": str(path)}
        | (likeliest(next(rows), task, one.doubt) if isinstance(one, Look) else unsure(one))
        for path, one in zip(paths, seen, strict=True)
    ]
    if options.json:
        print(_json(told))
    else:
        print(*(printable(_line(one)) for one in told), sep="\n")


def look(path: Path, task: Task) -> Look:
    """Read a picture as the model was taught to see them, and say what speaks against it.

    Raises UserError for what is none, and where a digit is wanted for what does not show one.
    """
    if task.photo == INK:
        return digit.look(path)
    return Look(resizing.resize(photo.open_file(path), task.shape, task.photo), "")


def _seen(path: Path, task: Task) -> Look | str:
    """Look at a picture; return why where it does not show what the model knows."""
    try:
        return look(path, task)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")


def _pictures(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    found = [path for path in photo.entries(named) if not path.is_dir()]
    if not found:
        raise UserError(f"{named}: expected a picture or a folder of them, found none in it")
    return found


def _json(told: list[dict[str, Any]]) -> str:
    """Write JSON that people can read and no terminal obeys."""
    text = json.dumps(told, indent=2, ensure_ascii=False)
    return "".join(
        sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text
    )


def likeliest(row: NDArray[np.float32], task: Task, doubt: str = "") -> dict[str, Any]:
    """Say what a network's probabilities `[classes]` say of a picture: all classes, in order."""
    order = np.argsort(-row, kind="stable")
    classes = [
        {"class": task.classes[label], "probability": round(float(row[label]), 6)}
        for label in order
    ]
    why = doubt or ("" if row.max() >= SURE else "all others together are likelier")
    return {"sure": not why, "why": why, "classes": classes}


def unsure(why: str) -> dict[str, Any]:
    """Say why no class is likely."""
    return {"sure": False, "why": why, "classes": []}


def _line(told: dict[str, Any]) -> str:
    doubt = f"unsure: {told['why']}"
    if not told["classes"]:
        return f"{told['file']}: {doubt}"
    first, *others = told["classes"][:LIKELIEST]
    sure = "" if told["sure"] else f", {doubt}"
    rest = ", ".join(f"{one['class']} ({one['probability']:.1%})" for one in others)
    return f"{told['file']}: {first['class']} ({first['probability']:.1%}{sure}); then {rest}"


if __name__ == "__main__":
    run(main)
