"""Files as published -> `Examples`."""

import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import fitting
from mnist.arrays.dataset import Examples
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.source import cifar, idx, labels, photo
from mnist.source.card import Card, Split
from mnist.task import Task

AT_ONCE = 256  # pictures that wait to be decoded
Raw = tuple[NDArray[np.uint8], NDArray[np.uint16]]  # images [N, H, W, C], labels [N]


def read(folder: Path, card: Card, split: Split, params: PreprocessParams) -> Examples:
    """Read one split of what `fetch` brought. Raises UserError where it is not as it should be."""
    task = Task(params.shape, card.classes, card.prepared(params.shape, params.fit))
    if card.format == "images":
        path = folder / card.file(split, "examples").name
        return Examples(*_read_pictures(path, params, card.classes), task)
    reader = _read_idx if card.format == "idx" else _read_cifar
    pixels, numbers = reader(folder, card, split)
    return Examples(fitting.all_of(pixels, params.shape, params.fit), numbers, task)


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
        numbers = [classes.index(name.partition("/")[0]) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected an archive of CLASS/NAME, found {error}") from None
    return images, np.array(numbers, np.uint16)


def _read_idx(folder: Path, card: Card, split: Split) -> Raw:
    """Read a file of images and one of labels. Raises UserError unless they are as many."""
    path, named = (folder / card.file(split, part).name for part in ("images", "labels"))
    pixels = idx.parse(_read(path), dimensions=3, name=str(path))
    numbers = labels.parse(_read(named), card, str(named))
    if len(pixels) != len(numbers):
        raise UserError(f"{named}: expected {len(pixels)} labels, found {len(numbers)}")
    upright = pixels.swapaxes(1, 2) if card.transposed else pixels
    return np.ascontiguousarray(upright)[..., np.newaxis], numbers


def _read_cifar(folder: Path, card: Card, split: Split) -> Raw:
    """Read the records of all files of a split, one after the other."""
    paths = [folder / file.name for file in card.all_files(split, "examples")]
    read = [cifar.parse(_read(path), name=str(path)) for path in paths]
    numbers = [
        labels.indices(one.labels, card, str(path)) for one, path in zip(read, paths, strict=True)
    ]
    return np.concatenate([one.images for one in read]), np.concatenate(numbers)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `dvc repro`") from None
