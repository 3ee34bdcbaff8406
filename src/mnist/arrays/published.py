"""Files as published -> `Examples`."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import fitting
from mnist.arrays.dataset import Examples, require_labels
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.source import idx
from mnist.source.card import Card
from mnist.task import Task


def read(folder: Path, card: Card, split: str, params: PreprocessParams) -> Examples:
    """Read one split of what `fetch` brought. Raises UserError where it is not as it should be."""
    images, labels = (folder / card.file(split, part).name for part in ("images", "labels"))
    pixels, numbers = read_idx(images, labels)
    fitted = fitting.all_of(pixels[..., np.newaxis], params)
    task = Task(params.shape, card.classes, card.photo)
    examples = Examples(fitted, numbers.astype(np.uint16), task)
    try:
        require_labels(examples)
    except ValueError as error:
        raise UserError(
            f"{labels}: expected labels of {len(card.classes)} classes, found {error}"
        ) from None
    return examples


def read_idx(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images `[N, H, W]` and labels `[N]`. Raises UserError unless they are as many."""
    pixels = idx.parse(_read(images), dimensions=3, name=str(images))
    numbers = idx.parse(_read(labels), dimensions=1, name=str(labels))
    if len(pixels) != len(numbers):
        raise UserError(f"{labels}: expected {len(pixels)} labels, found {len(numbers)}")
    return pixels, numbers


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `dvc repro`") from None
