"""The rows that changed sides, as text that needs no picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from review.quoting import printable
from review.verdict.compared import Compared
from review.verdict.images import Images

COLUMNS = 4
MOST = 12
INK = 0x80  # a pixel at least this bright is a dot
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # of a braille cell
BLANK = ord("\N{BRAILLE PATTERN BLANK}")
LINES, CELLS = 7, 14  # of a picture, at most; a cell is 4 x 2 pixels
WIDTH = 20  # characters of a picture in text, with its caption
LUMA = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue are: ITU-R BT.601


def moved(table: Compared) -> list[int]:
    """Return the rows that changed sides, those lost first."""
    if table.pairing is None:
        return []
    return [*map(int, table.pairing.broken), *map(int, table.pairing.fixed)]


def caption(row: int, table: Compared) -> str:
    """Say what an image shows, and what each model takes it for."""
    before, after = table.before, table.after
    assert before is not None  # noqa: S101  # for mypy: it moved
    names = before.classes
    actual, was, now = (
        int(column[row]) for column in (after.actual, before.predicted, after.predicted)
    )
    text = f"#{after.name(row)}: {names[actual]}, {names[was]} → {names[now]}"
    return printable(text, 60).replace("`", "'")


def text(table: Compared, images: Images) -> str:
    """Return the first images that changed sides as text."""
    shown, lines = moved(table)[:MOST], []
    captions = [caption(row, table) for row in shown]
    width = max([WIDTH, *(len(text) + 2 for text in captions)])
    for start in range(0, len(shown), COLUMNS):
        pictures = [braille(images[row]) for row in shown[start : start + COLUMNS]]
        rows = [captions[start : start + COLUMNS], *zip(*pictures, strict=True)]
        lines += ["".join(f"{cell:<{width}}" for cell in cells).rstrip() for cells in rows]
    return "\n".join(lines)


def braille(image: NDArray[np.uint8]) -> list[str]:
    """Return an image, grey or RGB, as lines of braille cells, 4 x 2 pixels each."""
    grey: NDArray[Any] = image @ LUMA if image.ndim == 3 else image
    grey = _reduced(grey)
    height, width = grey.shape
    padded = np.zeros((-(-height // 4) * 4, -(-width // 2) * 2), bool)
    padded[:height, :width] = grey >= INK
    dots = padded.reshape(padded.shape[0] // 4, 4, padded.shape[1] // 2, 2)
    cells = BLANK + np.einsum("rycx,yx->rc", dots, DOTS)
    return ["".join(map(chr, row)) for row in cells]


def _reduced(grey: NDArray[Any]) -> NDArray[Any]:
    """Return an image of a picture's size at most: means of squares of pixels."""
    step = -(-max(grey.shape[0] / (4 * LINES), grey.shape[1] / (2 * CELLS)) // 1)
    side = max(int(step), 1)
    height, width = max(grey.shape[0] // side, 1), max(grey.shape[1] // side, 1)
    cut = grey[: height * side, : width * side]
    if side == 1 or cut.shape != (height * side, width * side):
        return grey[: 4 * LINES, : 2 * CELLS]
    means: NDArray[Any] = cut.reshape(height, side, width, side).mean(axis=(1, 3))
    return means
