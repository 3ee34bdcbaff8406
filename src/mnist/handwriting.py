"""A photo or drawing of a digit -> 28 x 28 pixels, prepared as those of MNIST were.

LeCun et al. 1998, Proceedings of the IEEE 86:2278, III A: scaled into a box of 20 x 20 with its
aspect ratio kept and its edges antialiased, then centred in 28 x 28 by its centre of mass.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist.dataset import SIDE
from mnist.errors import UserError

BOX = 20  # pixels
LEAST_CONTRAST = 32  # of 255: an image with less is empty
PAPER = 0.25  # of the contrast: what is fainter is paper, noise and shadow


def read(path: Path) -> NDArray[np.uint8]:  # [28, 28, 1], 0: background, 255: ink
    """Read one digit, of any size, dark on light or light on dark.

    Raises UserError for what is no image, and for an image that shows nothing.
    """
    grey = _grey(path)
    paper = float(np.median(grey))
    dark, light = paper - float(grey.min()), float(grey.max()) - paper
    contrast = max(dark, light)
    if contrast < LEAST_CONTRAST:
        raise UserError(f"{path}: expected a digit, found an image of one shade")
    ink = (paper - grey if dark >= light else grey - paper) / contrast
    ink[ink < PAPER] = 0
    return _centre(_fit(_crop(ink)))[..., np.newaxis]


def _grey(path: Path) -> NDArray[np.float32]:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: expected an image, PNG or JPEG, found {reason}") from None
    white = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(white, upright).convert("L"), np.float32)


def _crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale into the box; Pillow's resize looks at every source pixel, which antialiases."""
    height, width = (max(round(side * BOX / max(ink.shape)), 1) for side in ink.shape)
    scaled = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.clip(np.asarray(scaled), 0, None)
    return np.asarray(pixels / pixels.max(), np.float32)


def _centre(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    field = np.zeros((SIDE, SIDE), np.uint8)
    corner = []
    for axis, length in enumerate(ink.shape):
        weights = ink.sum(axis=1 - axis)
        mass = float(weights @ np.arange(length) / weights.sum())
        corner.append(int(np.clip(round(SIDE / 2 - mass), 0, SIDE - length)))
    top, left = corner
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(255 * ink)
    return field
