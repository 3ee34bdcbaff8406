"""Files as published -> `Examples`, whose images are read as they are asked for."""

import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import fitting, images
from mnist.arrays.dataset import Examples, require_labels
from mnist.arrays.images import Images, Rows, Unread
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.source import idx, photo
from mnist.source.card import Card, Split
from mnist.task import Task


def read(folder: Path, card: Card, split: Split, params: PreprocessParams) -> Examples:
    """Read one split of what `fetch` brought. Raises UserError where it is not as it should be.

    So does reading its images, where one of them is none.
    """
    task = Task(params.shape, card.classes, card.prepared(params.shape, params.fit))
    if card.format == "images":
        path = folder / card.file(split, "examples").name
        return Examples(*_open_pictures(path, params, card.classes), task)
    pixels, labels = (folder / card.file(split, part).name for part in ("images", "labels"))
    raw, numbers = open_idx(pixels, labels)
    examples = Examples(_fitted(raw, params), numbers.astype(np.uint16), task)
    try:
        require_labels(examples)
    except ValueError as error:
        raise UserError(
            f"{labels}: expected labels of {len(card.classes)} classes, found {error}"
        ) from None
    return examples


def _open_pictures(
    path: Path, params: PreprocessParams, classes: tuple[str, ...]
) -> tuple[Images, NDArray[np.uint16]]:
    """Open an archive of CLASS/NAME, in the order of its names."""
    numbers = {name: number for number, name in enumerate(classes)}
    try:
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        found = np.array([numbers[name.partition("/")[0]] for name in names], np.uint16)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected an archive of CLASS/NAME, found {error}") from None
    decode = partial(_decode, path, archive, names, params)
    return Unread(decode, (len(names), *params.shape)), found


def _decode(
    path: Path, archive: zipfile.ZipFile, names: list[str], params: PreprocessParams, rows: Rows
) -> NDArray[np.uint8]:
    """Decode pictures side by side."""
    found = np.empty((len(rows), *params.shape), np.uint8)

    def decode(place: int) -> None:
        name = names[rows[place]]
        picture = photo.decode(io.BytesIO(archive.read(name)), f"{path}: {name}", least=1)
        found[place] = fitting.one(picture, params.shape, params.fit)

    try:
        with photo.silent(), ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(decode, range(len(rows))))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected an archive of CLASS/NAME, found {error}") from None
    return found


def _fitted(raw: Images, params: PreprocessParams) -> Images:
    """Make images the size and colour that are asked for."""
    if raw.shape[1:] == params.shape:
        return raw
    shape = (len(raw), *params.shape)
    return Unread(lambda rows: fitting.all_of(raw[rows], params.shape, params.fit), shape)


def open_idx(pixels: Path, labels: Path) -> tuple[Images, NDArray[np.uint8]]:
    """Open images `[N, H, W, 1]`, read labels `[N]`. Raises UserError unless they are as many."""
    try:
        with pixels.open("rb") as file:
            head, length = file.read(idx.header(3)), os.fstat(file.fileno()).st_size
        numbers = idx.parse(labels.read_bytes(), dimensions=1, name=str(labels))
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; run `dvc repro`") from None
    shape = idx.outline(head, length, 3, str(pixels))
    if shape[0] != len(numbers):
        raise UserError(f"{labels}: expected {shape[0]} labels, found {len(numbers)}")
    return images.stored(pixels, idx.header(3), (*shape, 1)), numbers
