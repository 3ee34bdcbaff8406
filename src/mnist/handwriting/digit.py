"""A photo or drawing of a digit -> 28 x 28 pixels, prepared as those of MNIST were.

LeCun et al. 1998, Proceedings of the IEEE 86:2278, III A: scaled into a box of 20 x 20 with its
aspect ratio kept and its edges antialiased, then centred in 28 x 28 by its centre of mass.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist.errors import UserError
from mnist.handwriting import corners, ink, lines, prepared, shapes
from mnist.handwriting.prepared import BOX, SIDE
from mnist.source import photo

THINNEST = 0.09  # of the longer side: the strokes of a pen, as MNIST's are
EVEN = 0.1  # of the longer side: within it, ink is as dark as its darkest
STRENGTHEN = 3  # times, at most
BESIDE = 0.08  # of the digit's ink: what dust and squared paper leave is less


class Look(NamedTuple):
    """A digit, and what speaks against its being the only thing there: empty where nothing does."""

    pixels: NDArray[np.uint8]  # [28, 28, 1], 0: background, 255: ink
    doubt: str


def look(path: Path) -> Look:
    """Read one digit, of any size, dark or light, and look at what is left outside of it.

    Raises UserError for what is no image, and for an image that does not show one digit.
    """
    colours = photo.read(path)
    pixels = prepared.find(colours)
    if pixels is not None:
        return Look(pixels[..., np.newaxis], "")
    try:
        found = shapes.digit(lines.remove(ink.find(corners.fill(colours))))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    doubt = f"{found.beside:.0%} as much ink lies beside it" if found.beside > BESIDE else ""
    return Look(_centre(_fit(_crop(_pen(found.ink))))[..., np.newaxis], doubt)


def _pen(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Redraw faint strokes as dark as the darkest, and a pencil's as wide as a pen's."""
    side = max(_crop(ink).shape)
    strongest = ndimage.maximum_filter(ink, max(round(EVEN * side), 3))
    strongest = np.maximum(strongest, ink.max() / STRENGTHEN)
    even = np.clip(ink / strongest, 0, 1)
    depth = ndimage.distance_transform_edt(ink > 0)[ink > 0]
    missing = THINNEST * side - 4 * float(depth.mean())  # a strip's mean depth is its quarter
    if missing < 2:
        return np.asarray(even)
    radius = round(missing / 2)
    return np.asarray(ndimage.grey_dilation(np.pad(even, radius), footprint=_disc(radius)))


def _disc(radius: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(rows**2 + columns**2 <= radius**2)


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
