"""Images in memory or in a file, read on demand.

Files are read, not mapped: a mapped page counts as memory of the process, and if the disk fails,
mapping ends the process with a signal, while reading raises an error.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist.errors import UserError

BLOCK_BYTES = 1 << 24  # in memory at once
Rows = NDArray[np.integer[Any]]  # [n]


class Images(Protocol):
    """Images `[N, H, W, C]`, for instance an array; 0: black or background, 255: white or ink."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, height, width, channels."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, rows: slice | Rows, /) -> NDArray[np.uint8]:
        """Images `[n, H, W, C]`."""

    def __array__(self) -> NDArray[Any]:
        """All of them."""


class LazyImages:
    """Images that `read` reads on demand: rows `[n]` -> images `[n, H, W, C]`."""

    def __init__(self, read: Callable[[Rows], NDArray[np.uint8]], shape: tuple[int, ...]) -> None:
        """Read nothing yet."""
        self._read, self.shape = read, shape

    def __len__(self) -> int:
        """Count them."""
        return self.shape[0]

    def __getitem__(self, rows: slice | Rows, /) -> NDArray[np.uint8]:
        """Read some."""
        return self._read(np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all, for numpy."""
        return np.asarray(self[:], dtype)


def from_file(path: Path, start: int, shape: tuple[int, ...]) -> LazyImages:
    """Return the images whose bytes begin at `start` in a file; threads may share them."""
    return LazyImages(partial(_read, path, start, shape[1:]), shape)


def subset(images: Images, rows: Rows) -> LazyImages:
    """Return the images with these rows."""
    return LazyImages(lambda selected: images[rows[selected]], (len(rows), *images.shape[1:]))


def blocks(images: Images) -> Iterator[NDArray[np.uint8]]:
    """Yield all images in order, in blocks."""
    step = max(BLOCK_BYTES // bytes_per_image(images), 1)
    for start in range(0, len(images), step):
        yield images[start : start + step]


def bytes_per_image(images: Images) -> int:
    """Return the bytes of one image."""
    return int(np.prod(images.shape[1:]))


def _read(path: Path, start: int, shape: tuple[int, ...], rows: Rows) -> NDArray[np.uint8]:
    pixels = np.empty((len(rows), *shape), np.uint8)
    ends = np.flatnonzero(np.diff(rows) != 1) + 1  # of consecutive rows, which are read at once
    bounds = [0, *ends.tolist(), len(rows)]
    with path.open("rb", buffering=0) as file:
        for first, last in pairwise(bounds):
            if first < last:
                part = pixels[first:last]
                offset = start + int(rows[first]) * (part.nbytes // len(part))
                _fill(part.data.cast("B"), file.fileno(), offset, path)
    return pixels


def _fill(buffer: memoryview, file: int, offset: int, path: Path) -> None:
    done = 0
    while done < len(buffer):
        count = os.preadv(file, [buffer[done:]], offset + done)  # at most 2 GB per call
        if not count:
            raise UserError(
                f"{path}: expected {offset + len(buffer)} bytes or more, found {offset + done}"
            )
        done += count
