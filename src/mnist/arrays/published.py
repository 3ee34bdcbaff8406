"""Files as published -> `Examples`."""

from pathlib import Path

import numpy as np

from mnist.arrays import npy
from mnist.arrays.dataset import SIDE, Examples, require_digits
from mnist.errors import UserError
from mnist.source import idx


def read_idx(images: Path, labels: Path) -> Examples:
    """Read a pair of IDX files. Raises UserError unless they are the same number of digits."""
    pixels = idx.parse(_read(images), dimensions=3, name=str(images))
    digits = idx.parse(_read(labels), dimensions=1, name=str(labels))
    if pixels.shape[1:] != (SIDE, SIDE):
        raise UserError(f"{images}: expected 28 x 28 pixels, found {npy.by(pixels.shape[1:])}")
    if len(pixels) != len(digits):
        raise UserError(f"{labels}: expected {len(pixels)} labels, found {len(digits)}")
    require_digits(digits, str(images), str(labels))
    return Examples(pixels[..., np.newaxis], digits)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run `dvc repro`") from None
