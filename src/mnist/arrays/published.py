"""Files as published -> `Examples`."""

import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import fitting
from mnist.arrays.dataset import Examples, require_labels
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.source import idx, photo
from mnist.source.card import Card, Split
from mnist.task import Task

AT_ONCE = 256  # pictures that wait to be decoded


def read(folder: Path, card: Card, split: Split, params: PreprocessParams) -> Examples:
    """Read one split of what `fetch` brought. Raises UserError where it is not as it should be."""
    task = Task(params.shape, card.classes, card.prepared(params.shape, params.fit))
    if card.format == "images":
        path = folder / card.file(split, "examples").name
        return Examples(*_read_pictures(path, params, card.classes), task)
    images, labels = (folder / card.file(split, part).name for part in ("images", "labels"))
    pixels, numbers = read_idx(images, labels)
    fitted = fitting.all_of(pixels[..., np.newaxis], params.shape, params.fit)
    examples = Examples(fitted, numbers.astype(np.uint16), task)
    try:
        require_labels(examples)
    except ValueError as error:
        raise UserError(
            f"{labels}: expected labels of {len(card.classes)} classes, found {error}"
        ) from None
    return examples


def _read_pictures(
    path: Path, params: PreprocessParams, classes: tuple[str, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Decode an archive of CLASS/NAME, in the order of its names, side by side."""
    try:
        with photo.silent(), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            images = np.empty((len(names), *params.shape), np.uint8)

            def decode(row: int) -> None:
                content = io.BytesIO(archive.read(names[row]))
                picture = photo.decode(content, f"{path}: {names[row]}", least=1)
                images[row] = fitting.one(picture, params.shape, params.fit)

            with ThreadPoolExecutor(os.cpu_count()) as pool:
                for start in range(0, len(names), AT_ONCE):
                    rows = range(start, min(start + AT_ONCE, len(names)))
                    list(pool.map(decode, rows))
        labels = [classes.index(name.partition("/")[0]) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected an archive of CLASS/NAME, found {error}") from None
    return images, np.array(labels, np.uint16)


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
