"""Pictures of the rows: an array `images` in an npz file, read without pickle, within bounds."""

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from review.errors import UserError
from review.markup import as_text

MOST = 4_000_000_000  # bytes of an array
Images = NDArray[np.uint8]  # [N, height, width], or [N, height, width, 3]


def load(path: Path, name: str) -> tuple[Images, NDArray[Any] | None]:
    """Return the images of a file, and its `labels` where it has some. Raises UserError."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "images.npy" not in names:
                raise ValueError("no array `images`")
            images = _pixels(_array(archive, "images.npy"))
            labels = _array(archive, "labels.npy") if "labels.npy" in names else None
    except (ValueError, zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise UserError(f"{name}: expected an array `images`, found {as_text(error)}") from None
    return images, labels


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    size = archive.getinfo(name).file_size
    with archive.open(name) as file:
        shape, kind = _header(file)
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if kind.hasobject or count * kind.itemsize > min(size, MOST):
            raise ValueError(f"{name} of shape {shape} and type {kind} in {size:,} bytes")
        content = file.read(count * kind.itemsize)
    return np.frombuffer(content, kind, count).reshape(shape)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"an array of version {version}")
    shape, by_columns, kind = read[version](file)
    if by_columns and len(shape) > 1:
        raise ValueError("an array in Fortran's order")
    return shape, kind


def _pixels(found: NDArray[Any]) -> Images:
    """Return grey or RGB images of bytes; numbers from 0 to 1 are made bytes."""
    if found.ndim == 4 and found.shape[-1] == 1:
        found = found[..., 0]
    if (found.ndim != 3 and not (found.ndim == 4 and found.shape[-1] == 3)) or not found.size:
        raise ValueError(f"the shape {found.shape}; grey is [N, height, width], RGB ends in 3")
    if found.dtype == np.uint8:
        return found
    if found.dtype.kind not in "fb" or not np.isfinite(found).all():
        raise ValueError(f"numbers of type {found.dtype}; bytes, or 0 to 1, are pictures")
    return np.rint(255 * np.clip(found.astype(np.float32), 0, 1)).astype(np.uint8)
