"""Raw files, as published -> `Examples`, whose images are read on demand."""

import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import images, resizing
from mnist.arrays.dataset import Examples
from mnist.arrays.images import Images, LazyImages, Rows
from mnist.errors import UserError
from mnist.machine import cores
from mnist.params.preprocess import PreprocessParams
from mnist.source import cifar, idx, labels, photo
from mnist.source.dataset_spec import DatasetSpec, Split
from mnist.task import Task

Labelled = tuple[Images, NDArray[np.uint16]]  # images, labels


def read(folder: Path, spec: DatasetSpec, split: Split, params: PreprocessParams) -> Examples:
    """Read one split of the downloaded files. Raises UserError if they are invalid.

    Reading the images later raises UserError too, if one is invalid.
    """
    task = Task(params.shape, spec.classes, spec.prepared(params.shape, params.fit))
    if spec.format == "images":
        path = folder / spec.file(split, "examples").name
        return Examples(*_open_pictures(path, params, spec.classes), task)
    reader = _open_idx if spec.format == "idx" else _read_cifar
    pixels, numbers = reader(folder, spec, split)
    return Examples(_resized(pixels, params), numbers, task)


def _open_pictures(path: Path, params: PreprocessParams, classes: tuple[str, ...]) -> Labelled:
    """Open an archive of CLASS/NAME, in the order of its names."""
    numbers = {name: number for number, name in enumerate(classes)}
    try:
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        indices = np.array([numbers[name.partition("/")[0]] for name in names], np.uint16)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected an archive of CLASS/NAME, found {error}") from None
    decode = partial(_decode, path, archive, names, params)
    return LazyImages(decode, (len(names), *params.shape)), indices


def _decode(
    path: Path, archive: zipfile.ZipFile, names: list[str], params: PreprocessParams, rows: Rows
) -> NDArray[np.uint8]:
    """Decode pictures in parallel."""
    pixels = np.empty((len(rows), *params.shape), np.uint8)

    def decode(position: int) -> None:
        name = names[rows[position]]
        picture = photo.decode(io.BytesIO(archive.read(name)), f"{path}: {name}", least=1)
        pixels[position] = resizing.resize(picture, params.shape, params.fit)

    try:
        with photo.silent(), ThreadPoolExecutor(cores.count()) as pool:
            list(pool.map(decode, range(len(rows))))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected an archive of CLASS/NAME, found {error}") from None
    return pixels


def _resized(pixels: Images, params: PreprocessParams) -> Images:
    """Resize images, and convert their colours, as `params` asks."""
    if pixels.shape[1:] == params.shape:
        return pixels
    shape = (len(pixels), *params.shape)
    return LazyImages(
        lambda rows: resizing.resize_all(pixels[rows], params.shape, params.fit), shape
    )


def _open_idx(folder: Path, spec: DatasetSpec, split: Split) -> Labelled:
    """Open the file of images, read that of labels. Raises UserError if their counts differ."""
    path, labels_path = (folder / spec.file(split, part).name for part in ("images", "labels"))
    try:
        with path.open("rb") as file:
            head, length = file.read(idx.header_length(3)), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `make repro`") from None
    numbers = labels.parse(_read(labels_path), spec, str(labels_path))
    shape = idx.read_header(head, length, 3, str(path))
    if shape[0] != len(numbers):
        raise UserError(f"{labels_path}: expected {shape[0]} labels, found {len(numbers)}")
    pixels = images.from_file(path, idx.header_length(3), (*shape, 1))
    return (_transposed(pixels) if spec.transposed else pixels), numbers


def _transposed(pixels: Images) -> Images:
    """Swap height and width."""
    count, height, width, channels = pixels.shape
    return LazyImages(lambda rows: pixels[rows].swapaxes(1, 2), (count, width, height, channels))


def _read_cifar(folder: Path, spec: DatasetSpec, split: Split) -> Labelled:
    """Read the records of all files of a split, 31 MB each."""
    paths = [folder / file.name for file in spec.all_files(split, "examples")]
    batches = [cifar.parse(_read(path), name=str(path)) for path in paths]
    numbers = [
        labels.indices(batch.labels, spec, str(path))
        for batch, path in zip(batches, paths, strict=True)
    ]
    return np.concatenate([batch.images for batch in batches]), np.concatenate(numbers)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `make repro`") from None
