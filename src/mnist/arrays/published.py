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
from mnist.arrays.dataset import Examples
from mnist.arrays.images import Images, Rows, Unread
from mnist.errors import UserError
from mnist.machine import cores
from mnist.params.preprocess import PreprocessParams
from mnist.source import cifar, idx, labels, photo
from mnist.source.dataset_spec import DatasetSpec, Split
from mnist.task import Task

Raw = tuple[Images, NDArray[np.uint16]]


def read(folder: Path, spec: DatasetSpec, split: Split, params: PreprocessParams) -> Examples:
    """Read one split of what `fetch` brought. Raises UserError where it is not as it should be.

    So does reading its images, where one of them is none.
    """
    task = Task(params.shape, spec.classes, spec.prepared(params.shape, params.fit))
    if spec.format == "images":
        path = folder / spec.file(split, "examples").name
        return Examples(*_open_pictures(path, params, spec.classes), task)
    reader = _open_idx if spec.format == "idx" else _read_cifar
    pixels, numbers = reader(folder, spec, split)
    return Examples(_fitted(pixels, params), numbers, task)


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
        with photo.silent(), ThreadPoolExecutor(cores.count()) as pool:
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


def _open_idx(folder: Path, spec: DatasetSpec, split: Split) -> Raw:
    """Open a file of images, read one of labels. Raises UserError unless they are as many."""
    path, named = (folder / spec.file(split, part).name for part in ("images", "labels"))
    try:
        with path.open("rb") as file:
            head, length = file.read(idx.header(3)), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `make repro`") from None
    numbers = labels.parse(_read(named), spec, str(named))
    shape = idx.outline(head, length, 3, str(path))
    if shape[0] != len(numbers):
        raise UserError(f"{named}: expected {shape[0]} labels, found {len(numbers)}")
    there = images.stored(path, idx.header(3), (*shape, 1))
    return (_turned(there) if spec.transposed else there), numbers


def _turned(there: Images) -> Images:
    """Swap height and width."""
    count, height, width, channels = there.shape
    return Unread(lambda rows: there[rows].swapaxes(1, 2), (count, width, height, channels))


def _read_cifar(folder: Path, spec: DatasetSpec, split: Split) -> Raw:
    """Read the records of all files of a split, one after the other: 31 MB each."""
    paths = [folder / file.name for file in spec.all_files(split, "examples")]
    read = [cifar.parse(_read(path), name=str(path)) for path in paths]
    numbers = [
        labels.indices(one.labels, spec, str(path)) for one, path in zip(read, paths, strict=True)
    ]
    return np.concatenate([one.images for one in read]), np.concatenate(numbers)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `make repro`") from None
