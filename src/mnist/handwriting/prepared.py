"""An image that is prepared as MNIST's are, perhaps scaled up -> its 28 x 28 pixels.

The usual filters that scale an image up are linear, so least squares undo them. What remains shows
whether the image was scaled up at all: 28 x 28 pixels cannot hold the edges of a drawing.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.float32]  # [H, W], 0: background, 255: ink

SIDE = 28  # pixels
BOX = 20  # pixels
OFF_CENTRE = 0.6  # pixels: in MNIST the centre of mass is at most 0.5 from the middle
FAINT = 32  # of 255: a filter that scales up leaves less around a stroke
REMAINDER = 0.1  # of the image's root mean square; at most 0.06 in scaled images, 0.17 in drawings
Resampling = Image.Resampling
FILTERS = (Resampling.NEAREST, Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS)


def find(colours: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """Return the pixels `[28, 28]` of a prepared image `[H, W, 3]`; None for any other image."""
    height, width, _ = colours.shape
    red, green, blue = np.moveaxis(colours, 2, 0)
    if height != width or height < SIDE or (red != green).any() or (red != blue).any():
        return None
    grey = 255 - red if 2 * np.count_nonzero(red > 128) > red.size else red
    if 2 * np.count_nonzero(grey) > grey.size or grey.max() <= FAINT:
        return None  # most of a prepared image is its background, of one shade
    pixels, remainder = (grey, 0.0) if height == SIDE else _shrink(grey)
    prepared = remainder <= REMAINDER and pixels.max() > FAINT and _is_centred(pixels)
    return np.rint(pixels).astype(np.uint8) if prepared else None


def _is_centred(pixels: Grey) -> bool:
    """Tell whether the digit fills its box and has its centre of mass in the middle."""
    boxes = [np.ptp(np.flatnonzero((pixels > FAINT).any(axis))) + 1 for axis in (0, 1)]
    masses = [pixels.sum(axis) @ np.arange(SIDE) / pixels.sum() for axis in (0, 1)]
    centred = max(abs(mass - SIDE / 2) for mass in masses) <= OFF_CENTRE
    return bool(centred and max(boxes) in (BOX - 1, BOX))


def _shrink(grey: Grey) -> tuple[Grey, float]:
    """Undo the filter that fits best; return the pixels, and the share that they do not explain."""
    found = []
    for name in FILTERS:
        scale_up, undo = _matrices(len(grey), name)
        pixels = np.asarray(np.clip(undo @ grey @ undo.T, 0, 255), np.float32)
        remainder = np.linalg.norm(scale_up @ pixels @ scale_up.T - grey)
        found.append((pixels, float(remainder / np.linalg.norm(grey))))
    return min(found, key=lambda pair: pair[1])


@lru_cache(maxsize=16)
def _matrices(side: int, name: Resampling) -> tuple[Grey, Grey]:
    """Return what scales a column of 28 pixels up to `side`, and its pseudo-inverse."""
    unit = Image.fromarray(np.eye(SIDE, dtype=np.float32))
    scale_up = np.asarray(unit.resize((SIDE, side), name))
    return scale_up, np.linalg.pinv(scale_up)
