"""Read digits from images: `python -m mnist.predict FILE...` prints each, and how sure it is."""

import argparse
from pathlib import Path

import numpy as np

from mnist.errors import run
from mnist.handwriting import digit
from mnist.machine import processor

MODEL = Path("models/model.keras")
SURE = 0.5  # probability: below, all other classes together are likelier


def main() -> None:
    """Print a line an image; refuse them all where one is none, before anything is printed."""
    parser = argparse.ArgumentParser(prog="python -m mnist.predict", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a PNG or JPEG")
    files = parser.parse_args().files
    images = np.stack([digit.read(path) for path in files])
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import

    network, task = model.load(MODEL)
    probabilities = model.predictor(network)(images)
    for path, row in zip(files, probabilities, strict=True):
        doubt = "" if row.max() >= SURE else ", unsure"
        print(f"{path}: {task.classes[row.argmax()]} ({row.max():.1%}{doubt})")


if __name__ == "__main__":
    run(main)
