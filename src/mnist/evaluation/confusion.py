"""How often each class was taken for which: a matrix; of many classes, what matters of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK = "#1f3a5f"
ACCENT = "#c2410c"
FEW = 20  # classes that fit at the usual size
CELL = 0.21  # inches, of a class where they are more
MOST_CLASSES = 60  # of a matrix that can be read
BARS = 25  # mistakes, and classes, that are shown where there are more
LONGEST = 20  # characters of a name


def draw(
    actual: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[str], note: str = ""
) -> Figure:
    """Draw the matrix, or the commonest mistakes and the classes that are read worst.

    `note`: a line below the title.
    """
    number = len(classes)
    counts = np.bincount(actual * number + predicted, minlength=number**2).reshape(number, number)
    names = [short(name) for name in classes]
    figure = _matrix(counts, names) if number <= MOST_CLASSES else _bars(counts, names)
    wrong = len(actual) - int(np.trace(counts))
    figure.suptitle(f"{wrong:,} mistakes on {len(actual):,} test images\n{note}".strip())
    return figure


def short(name: str, most: int = LONGEST) -> str:
    """Cut a long name in its middle: numbered ones differ at their ends."""
    end = most // 3
    return name if len(name) <= most else f"{name[: most - 1 - end]}…{name[-end:]}"


def _matrix(counts: NDArray[np.int64], names: list[str]) -> Figure:
    """Draw how often each class was taken for which; only mistakes are coloured."""
    number = len(names)
    mistakes = np.where(np.eye(number, dtype=bool), 0, counts)
    side = max(6.4, CELL * number)
    figure = Figure(figsize=(side, side - 0.4), layout="constrained")
    axes = figure.subplots()
    most, few = max(int(mistakes.max()), 1) * 1.25, number <= FEW
    axes.imshow(mistakes, cmap="Oranges", norm=PowerNorm(1 if few else 0.5, vmin=0, vmax=most))
    size = None if few else 6
    for row, column in zip(*np.nonzero(counts), strict=True):
        weight, colour = ("bold", INK) if row == column else ("normal", "black")
        text = str(counts[row, column])
        axes.text(
            column, row, text, ha="center", va="center", weight=weight, color=colour, size=size
        )
    upright = max(map(len, names)) > 2
    axes.set_xticks(range(number), names, rotation=90 if upright else 0, size=size)
    axes.set_yticks(range(number), names, size=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return figure


def _bars(counts: NDArray[np.int64], names: list[str]) -> Figure:
    figure = Figure(figsize=(13, 8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _commonest(left, counts, names)
    _worst(right, counts, names)
    return figure


def _commonest(axes: Any, counts: NDArray[np.int64], names: list[str]) -> None:
    mistakes = np.where(np.eye(len(names), dtype=bool), 0, counts).ravel()
    kinds = np.flatnonzero(mistakes)
    order = kinds[np.argsort(-mistakes[kinds], kind="stable")][:BARS]
    rows, columns = np.divmod(order, len(names))
    labels = [f"{names[row]} → {names[read]}" for row, read in zip(rows, columns, strict=True)]
    of_class = counts.sum(axis=1)[rows]
    notes = [f"{n:,} of {all_of:,}" for n, all_of in zip(mistakes[order], of_class, strict=True)]
    title = f"The {len(order)} commonest of {len(kinds):,} kinds of mistakes"
    _draw_bars(axes, mistakes[order], labels, notes, ACCENT)
    axes.set(title=title, xlabel="images of the class, read as the other")


def _worst(axes: Any, counts: NDArray[np.int64], names: list[str]) -> None:
    of_class, right = counts.sum(axis=1), counts.diagonal()
    there = np.flatnonzero(of_class)
    share = right[there] / of_class[there]
    order = np.lexsort((-of_class[there], share))[:BARS]  # of equals, those with more images
    rows = there[order]
    notes = [f"{right[row]:,} of {of_class[row]:,}" for row in rows]
    _draw_bars(axes, 100 * share[order], [names[row] for row in rows], notes, INK)
    axes.set(title=f"The {len(rows)} of {len(there):,} classes that are read worst")
    axes.set(xlabel="of the class read right (%)", xlim=(0, 118))


def _draw_bars(
    axes: Any, lengths: NDArray[Any], labels: list[str], notes: list[str], colour: str
) -> None:
    """Draw horizontal bars from the top, each with its label and a note at its end."""
    bars = axes.barh(range(len(labels)), lengths, color=colour)
    axes.bar_label(bars, notes, padding=3, size=8)
    axes.set_yticks(range(len(labels)), labels, size=8)
    axes.invert_yaxis()
    axes.margins(x=0.15, y=0.01)
    axes.spines[["top", "right"]].set_visible(False)
