"""Ink -> ink without the lines that are printed on the paper: ruled and squared sheets.

What runs across the whole sheet, straight and at a small angle, is no stroke of a digit that lies
within it. Where a line crosses a stroke, the stroke is kept if it is clearly darker than the line,
and mended from its two sides if not.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mnist.handwriting.ink import Grey, noise

STEEPEST = 0.09  # pixels a pixel: about 5 degrees
FAINTEST = 0.05  # of the paper: a line less dark is no trouble
COVERED = 0.8  # of its way across on which a line can be seen
DARKER = 1.5  # times a line's ink: a stroke on it


def remove(ink: Grey) -> Grey:
    """Remove lines in both directions."""
    return _horizontal(_horizontal(ink).T).T


def _horizontal(ink: Grey) -> Grey:
    line = np.zeros(ink.shape, np.float32)  # how dark the line is, where there is one
    near = ndimage.maximum_filter1d(ink, 3, axis=0)  # a way in whole pixels is up to one off
    for rows in _lines(near > max(FAINTEST, 2.5 * noise(ink))):
        inside = (rows >= 0) & (rows < len(ink))
        columns = np.flatnonzero(inside)
        dark = float(np.median(near[rows[inside], columns]))
        for aside in (-1, 0, 1):
            beside = np.clip(rows[inside] + aside, 0, len(ink) - 1)
            line[beside, columns] = np.maximum(line[beside, columns], dark)
    return _mend(ink, line) if line.any() else ink


def _lines(seen: NDArray[np.bool_]) -> Iterator[NDArray[np.int_]]:
    """Yield, for each line found, the row that it has in every column."""
    height, width = seen.shape
    columns, ends = np.arange(width), max(width // 20, 2)
    if height > STEEPEST * width and not (seen[:, :ends].any() or seen[:, -ends:].any()):
        return  # a line reaches one edge or the other, except in a strip of paper
    for slope in np.arange(-STEEPEST, STEEPEST, 2 / width):
        away = np.rint(slope * (columns - width / 2)).astype(int)
        reach = int(np.abs(away).max())
        rows = np.arange(-reach, height + reach)[:, np.newaxis] + away
        inside = (rows >= 0) & (rows < height)
        hits = seen[np.clip(rows, 0, height - 1), columns] & inside
        whole = hits.sum(axis=1) >= COVERED * inside.sum(axis=1)
        for end in (np.s_[:, :ends], np.s_[:, -ends:]):  # no stroke of a digit meets the edges
            whole &= 2 * hits[end].sum(axis=1) >= inside[end].sum(axis=1)
        yield from rows[whole & (2 * inside.sum(axis=1) > width)]


def _mend(ink: Grey, line: Grey) -> Grey:
    """Take the lines out, and bridge what they cut: a closing across them."""
    on_line = line > 0
    rest = np.where(on_line & (ink < DARKER * line + FAINTEST), 0, ink)
    starts = np.diff(on_line, axis=0, prepend=False) & on_line
    thickness = -(-int(on_line.sum()) // int(starts.sum()))
    bridged = ndimage.grey_closing(rest, (thickness + 2, 1))
    return np.asarray(np.where(on_line, bridged, rest), np.float32)
