"""`Examples`: images with their labels; reading, saving and loading them."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import archive, npy
from mnist.errors import UserError

SIDE = 28
CLASSES = 10


class Examples(NamedTuple):
    """Images and, row by row, what they show."""

    images: NDArray[np.uint8]  # [N, 28, 28, 1], 0: background, 255: ink
    labels: NDArray[np.uint8]  # [N], 0 to 9


def save(examples: Examples, path: Path) -> None:
    """Save as npz, which numpy loads: the same examples, the same bytes."""
    members = {}
    for name, array in examples._asdict().items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    archive.write(members, path)


def load(path: Path) -> Examples:
    """Load what `save` wrote. Raises UserError for anything else; executes nothing in it."""
    try:
        members = archive.read(path, [f"{name}.npy" for name in Examples._fields])
        images, labels = (npy.parse(members[f"{name}.npy"]) for name in Examples._fields)
        if labels.ndim != 1 or images.shape != (len(labels), SIDE, SIDE, 1):
            raise ValueError(f"{npy.by(images.shape)} and {npy.by(labels.shape)}")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected uint8 `images` [N, 28, 28, 1] and `labels` [N], found {error}; "
            "delete it and run `dvc repro`"
        ) from None
    require_digits(labels, str(path), str(path))
    return Examples(images, labels)


def require_digits(labels: NDArray[np.uint8], images: str, where: str) -> None:
    """Raise UserError where there are none, or one that is no digit."""
    if len(labels) == 0:
        raise UserError(f"{images}: expected at least one image, found none")
    if labels.max() >= CLASSES:
        row = int(np.argmax(labels >= CLASSES))
        raise UserError(f"{where}: expected labels 0 to 9, found {labels[row]} at index {row}")
