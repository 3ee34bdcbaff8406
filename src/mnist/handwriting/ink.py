"""Colours of a photo -> the ink on it, whatever the paper, the light and the pen.

Paper is local: a dark pen's paper is what a morphological closing leaves, which follows a lamp's
gradient and the edge of a shadow exactly and fills whatever is narrower than its window (Serra,
Image Analysis and Mathematical Morphology, 1982).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Grey = NDArray[np.float32]  # [H, W]

SMOOTH = 0.8  # pixels, standard deviation: noise and JPEG's artefacts are finer
LARGE = 240  # pixels: the shorter side of a picture to which that applies; less in a smaller one
WINDOW = 0.7  # of the shorter side: no stroke is as thick
DARKEST_PAPER = 64.0  # of 255: what is darker is divided as if it were this light
GREY_FIRST = 1.2  # times the contrast that a colour must have to be better than grey


def find(colours: NDArray[np.float32]) -> Grey:  # about 0: paper, 1: the darkest that ink can be
    """Return how far each pixel differs from the paper around it, in the pen's direction."""
    grey = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    channels = [grey, *(np.moveaxis(colours, 2, 0) if np.ptp(colours, axis=2).any() else ())]
    spread = SMOOTH * min(min(grey.shape) / LARGE, 1)
    smooth = [ndimage.gaussian_filter(channel, spread) for channel in channels]
    found = [_difference(channel, dark=_is_dark(channel)) for channel in smooth]
    contrasts = [float(ink.max()) for ink in found]
    contrasts[0] *= GREY_FIRST
    return found[int(np.argmax(contrasts))]


def _is_dark(grey: Grey) -> bool:
    """Tell whether the ink is darker than the paper: the fewer pixels are the ink."""
    step = max(max(grey.shape) // 48, 1)
    small = ndimage.uniform_filter(grey, step)[::step, ::step]
    window = max(min(small.shape) // 2, 3)
    paper = ndimage.median_filter(small, (window, 1))
    paper = ndimage.median_filter(paper, (1, window))  # an eighth of the time of a square's median
    return bool(((small - paper) ** 3).sum() <= 0)


def _difference(grey: Grey, *, dark: bool) -> Grey:
    if not dark:
        grey = 255 - grey
    paper = _closing(grey, max(round(WINDOW * min(grey.shape)), 3))
    ink = paper - grey
    # light falls on paper and ink alike, so that their quotient is the pen's; a light pen's ink
    # outshines its paper by so much that a quotient would show the paper's noise alone
    ink = ink / np.maximum(paper, DARKEST_PAPER) if dark else ink / 255
    return np.asarray(ink - np.median(ink), np.float32)


def _closing(grey: Grey, window: int) -> Grey:
    """Close with a square, which may lie partly beyond the edges, where there is nothing."""
    padded = np.pad(grey, window, constant_values=-1)
    lightest = ndimage.maximum_filter(padded, window)
    closed = ndimage.minimum_filter(lightest, window, origin=-1 if window % 2 == 0 else 0)
    return np.asarray(closed[window:-window, window:-window])


def noise(ink: Grey) -> float:
    """Return the standard deviation of the paper's grain, from the lighter side, without ink."""
    return -float(np.quantile(ink, 0.25)) / 0.674
