"""Ink -> the ink of the one digit in it; or the line that says why there is none."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mnist.errors import UserError
from mnist.handwriting import strokes
from mnist.handwriting.ink import Grey, noise

Mask = NDArray[np.bool_]  # [H, W]

LEAST_CONTRAST = 20 / 255  # of the paper: an image with less is empty
GRAIN = 7  # standard deviations of the paper's grain that ink must reach somewhere
CORE, RIM = 0.5, 0.25  # of the contrast: ink for certain; ink, if it is connected with such
DIRT, SPECK = 0.01, 0.07  # of the largest part's pixels: dirt near a digit, and apart from it
NEAR = 0.12  # of the largest part's longer side: a stroke interrupted
NEAR_STACKED = 0.4  # the same, of a lower part above or below: the bar of a 5
NEAR_ABREAST = 0.04  # the same, of a part as high beside it: most often another digit
MOST_PARTS = 99  # that are looked at one by one
INSIDE = 0.8  # of a part, in the hole of another: no digit has that
NEIGHBOURS = np.ones((3, 3))


class Part(NamedTuple):
    """A connected part of the ink."""

    mask: Mask
    box: tuple[slice, slice]
    size: int  # pixels

    @property
    def height(self) -> int:
        """Return the rows of its box."""
        return int(self.box[0].stop - self.box[0].start)

    @property
    def width(self) -> int:
        """Return the columns of its box."""
        return int(self.box[1].stop - self.box[1].start)


class Digit(NamedTuple):
    """The ink of one digit, all else 0; what is left out, in pixels, as a share of its own."""

    ink: Grey
    beside: float


def digit(ink: Grey) -> Digit:
    """Find the one digit. Raises UserError for none and for several."""
    seen, certain = _ink(ink)
    found, others = _together(_parts(certain))
    if others:
        raise _several(len(others) + 1)
    if any(edge.any() for edge in (found[0], found[-1], found[:, 0], found[:, -1])):
        raise UserError("expected one digit with paper around it, found one that meets the edge")
    strokes.check(found)
    return Digit(np.where(found, ink, 0), float((seen & ~found).sum() / found.sum()))


def _ink(ink: Grey) -> tuple[Mask, Mask]:
    """Tell what may be ink, and those of its parts that are."""
    contrast, grain = float(ink.max()), noise(ink)
    if contrast < LEAST_CONTRAST:
        raise UserError("expected a digit, found an image of one shade")
    if contrast < GRAIN * grain:
        raise UserError("expected a digit, found nothing that stands out from the rest")
    seen = ink > max(RIM * contrast, 3 * grain)
    labels, _ = ndimage.label(seen, NEIGHBOURS)
    certain = np.unique(labels[ink > CORE * contrast])
    return seen, np.isin(labels, certain[certain > 0])


def _parts(mask: Mask) -> list[Part]:
    """Return the parts, the largest first, without dirt."""
    labels, _ = ndimage.label(mask, NEIGHBOURS)
    sizes = np.bincount(labels.ravel())[1:]
    boxes = ndimage.find_objects(labels)
    order = [number for number in np.argsort(-sizes) if sizes[number] >= DIRT * sizes.max()]
    if len(order) > MOST_PARTS:
        raise _several(len(order))
    return [Part(labels == number + 1, boxes[number], int(sizes[number])) for number in order]


def _together(parts: list[Part]) -> tuple[Mask, list[Part]]:
    """Return what belongs to the largest part, and the rest."""
    main, others = parts[0], parts[1:]
    mask, filled = main.mask, ndimage.binary_fill_holes(main.mask)
    while True:
        distance = ndimage.distance_transform_edt(~mask) - 1
        joined = [part for part in others if _belongs(part, main, filled, distance)]
        if not joined:
            return mask, [part for part in others if part.size >= SPECK * main.size]
        others = [part for part in others if not any(part is other for other in joined)]
        mask = np.logical_or.reduce([mask, *(part.mask for part in joined)])


def _belongs(part: Part, main: Part, filled: Mask, distance: NDArray[np.float64]) -> bool:
    """Tell whether a part is of the same digit, `distance` pixels away, in no hole of it."""
    if filled[part.mask].mean() > INSIDE:
        return False
    left = max(part.box[1].start, main.box[1].start)
    right = min(part.box[1].stop, main.box[1].stop)
    shared, high = (right - left) / part.width, part.height / main.height
    near = NEAR
    if shared > 0.5 and high < 0.5:
        near = NEAR_STACKED
    elif shared < 0.2 and high > 0.6:
        near = NEAR_ABREAST
    return float(distance[part.mask].min()) <= near * max(main.height, main.width)


def _several(count: int) -> UserError:
    return UserError(f"expected one digit, found {count} shapes; crop to one digit")
