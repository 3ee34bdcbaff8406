"""Images in memory, or where they lie: either way rows of bytes, read when they are asked for.

They are read, not mapped: a mapped page counts as memory of the process, and a disk that fails
then ends it with a signal, where reading ends in an error.
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

BLOCK = 1 << 24  # bytes that are held at once
Rows = NDArray[np.integer[Any]]  # [n]


class Images(Protocol):
    """Images `[N, H, W, C]`, 0: black, or background; 255: white, or ink; an array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, height, width, channels."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, rows: slice | Rows, /) -> NDArray[np.uint8]:
        """Images `[n, H, W, C]`."""

    def __array__(self) -> NDArray[Any]:
        """All of them."""


class Unread:
    """Images that `read` takes from where they are: rows `[n]` -> images `[n, H, W, C]`."""

    def __init__(self, read: Callable[[Rows], NDArray[np.uint8]], shape: tuple[int, ...]) -> None:
        """Keep how to read them; nothing is read."""
        self._read, self.shape = read, shape

    def __len__(self) -> int:
        """Count them."""
        return self.shape[0]

    def __getitem__(self, rows: slice | Rows, /) -> NDArray[np.uint8]:
        """Read some."""
        wanted = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        return self._read(wanted)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all, for numpy."""
        return np.asarray(self[:], dtype)


def stored(path: Path, start: int, shape: tuple[int, ...]) -> Unread:
    """Return the images whose bytes lie in a file, from `start` on; threads may share them."""
    return Unread(partial(_read, path, start, shape[1:]), shape)


def chosen(images: Images, rows: Rows) -> Unread:
    """Return some of the images."""
    return Unread(lambda wanted: images[rows[wanted]], (len(rows), *images.shape[1:]))


def blocks(images: Images) -> Iterator[NDArray[np.uint8]]:
    """Yield all of them, in order, some at a time."""
    step = max(BLOCK // size(images), 1)
    for start in range(0, len(images), step):
        yield images[start : start + step]


def size(images: Images) -> int:
    """Return the bytes of one."""
    return int(np.prod(images.shape[1:]))


def _read(path: Path, start: int, shape: tuple[int, ...], rows: Rows) -> NDArray[np.uint8]:
    found = np.empty((len(rows), *shape), np.uint8)
    ends = np.flatnonzero(np.diff(rows) != 1) + 1  # of neighbours, which are read at once
    bounds = [0, *ends.tolist(), len(rows)]
    with path.open("rb", buffering=0) as file:
        for first, last in pairwise(bounds):
            if first < last:
                part = found[first:last]
                offset = start + int(rows[first]) * (part.nbytes // len(part))
                _fill(part.data.cast("B"), file.fileno(), offset, path)
    return found


def _fill(buffer: memoryview, file: int, offset: int, path: Path) -> None:
    done = 0
    while done < len(buffer):
        got = os.preadv(file, [buffer[done:]], offset + done)  # 2 GB at most
        if not got:
            raise UserError(
                f"{path}: expected {offset + len(buffer)} bytes or more, found {offset + done}"
            )
        done += got
