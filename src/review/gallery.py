"""The images that changed sides, as text that needs no picture."""

import numpy as np
from numpy.typing import NDArray

from review.verdict import Review

COLUMNS = 4
MOST = 12
INK = 128  # a pixel at least this dark is a dot
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # of a braille cell
WIDTH = 20  # characters of a picture in text, with its caption


def moved(review: Review) -> list[int]:
    """Return the indices of the images that changed sides, those lost first."""
    if review.pairing is None:
        return []
    return [*map(int, review.pairing.broken), *map(int, review.pairing.fixed)]


def caption(index: int, review: Review) -> str:
    """Say what an image shows, and what each model takes it for."""
    before, after = review.before.predictions, review.after.predictions
    return f"#{index}: {after.actual[index]}, {before.predicted[index]} → {after.predicted[index]}"


def text(review: Review) -> str:
    """Return the first images that changed sides as text; empty where they are not at hand."""
    if review.images is None:
        return ""
    shown, lines = moved(review)[:MOST], []
    for start in range(0, len(shown), COLUMNS):
        row = shown[start : start + COLUMNS]
        pictures = [braille(review.images[index]) for index in row]
        captions = [caption(index, review) for index in row]
        rows = [captions, *zip(*pictures, strict=True)]
        lines += ["".join(f"{cell:<{WIDTH}}" for cell in cells).rstrip() for cells in rows]
    return "\n".join(lines)


def braille(image: NDArray[np.uint8]) -> list[str]:
    """Return an image `[28, 28, 1]` as 7 lines of 14 braille cells, 4 x 2 pixels each."""
    dots = (image[..., 0] >= INK).reshape(7, 4, 14, 2)
    cells = 0x2800 + np.einsum("rycx,yx->rc", dots, DOTS)
    return ["".join(map(chr, row)) for row in cells]
