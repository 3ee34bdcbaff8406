"""The rows that changed sides, as text that needs no picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from review.markup import as_text
from review.verdict.compared import Compared
from review.verdict.images import Images

COLUMNS, LINE = 4, 112  # pictures, and characters, beside each other at most
NAME = 18  # characters of a class
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
    name, label, first, second = answers(row, table)
    return f"{name}: {label}, {first} → {second}".replace("`", "'")


def answers(row: int, table: Compared) -> tuple[str, str, str, str]:
    """Return the name of a row, its class, and what each model takes it for."""
    before, after = table.before, table.after
    assert before is not None  # noqa: S101  # for mypy: it moved
    codes = (after.actual[row], before.predicted[row], after.predicted[row])
    label, first, second = (short(before.classes[int(code)]) for code in codes)
    return f"#{as_text(after.name(row), NAME)}", label, first, second


def short(name: str) -> str:
    """Cut a long name in its middle: numbered ones differ at their ends."""
    text, end = as_text(name), NAME // 3
    return text if len(text) <= NAME else f"{text[: NAME - 1 - end]}…{text[-end:]}"


def text(table: Compared, images: Images) -> str:
    """Return the first images that changed sides as text."""
    shown, lines = moved(table)[:MOST], []
    captions = [caption(row, table) for row in shown]
    width = max([WIDTH, *(len(text) + 2 for text in captions)])
    columns = min(COLUMNS, max(LINE // width, 1))
    for start in range(0, len(shown), columns):
        pictures = [braille(images[row]) for row in shown[start : start + columns]]
        rows = [captions[start : start + columns], *zip(*pictures, strict=True)]
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
