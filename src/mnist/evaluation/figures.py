"""Metrics -> pictures; the same numbers, the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnist.arrays.images import Images

DOTS_PER_INCH = 120
GRID = (4, 6)  # rows, columns of the worst mistakes
FEW = 20  # classes that fit at the usual size
CELL = 0.21  # inches, of a class where they are more
LONGEST = 20  # characters of a name
INK = "#1f3a5f"
ACCENT = "#c2410c"


def confusion_matrix(
    actual: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[str]
) -> Figure:
    """Draw how often each class was taken for which; only mistakes are coloured."""
    number = len(classes)
    counts = np.zeros((number, number), np.int64)
    np.add.at(counts, (actual, predicted), 1)
    mistakes = np.where(np.eye(number, dtype=bool), 0, counts)
    side = max(6.4, CELL * number)
    figure = Figure(figsize=(side, side - 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(int(mistakes.max()), 1) * 1.25)
    size = None if number <= FEW else 6
    for row, column in zip(*np.nonzero(counts), strict=True):
        weight, colour = ("bold", INK) if row == column else ("normal", "black")
        text = str(counts[row, column])
        axes.text(
            column, row, text, ha="center", va="center", weight=weight, color=colour, size=size
        )
    names = [_short(name) for name in classes]
    upright = max(map(len, names)) > 2
    axes.set_xticks(range(number), names, rotation=90 if upright else 0, size=size)
    axes.set_yticks(range(number), names, size=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(f"{int(mistakes.sum()):,} mistakes on {len(actual):,} test images")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def worst_mistakes(
    images: Images,
    actual: NDArray[np.int64],
    predicted: NDArray[np.int64],
    probability: NDArray[np.float64],
    classes: Sequence[str],
) -> Figure:
    """Draw the wrongly read images, most confident first: class, prediction, probability."""
    wrong = np.flatnonzero(actual != predicted)
    worst = wrong[np.argsort(-probability[wrong], kind="stable")][: GRID[0] * GRID[1]]
    pictures = images[worst]
    figure = Figure(figsize=(1.35 * GRID[1], 1.75 * GRID[0] + 0.4), layout="constrained")
    for place, axes in enumerate(figure.subplots(*GRID).flat):
        axes.set_axis_off()
        if place < len(worst):
            index = worst[place]
            axes.imshow(_shown(pictures[place]), cmap="gray_r", vmin=0, vmax=255)
            was, read = (_short(classes[answer[index]]) for answer in (actual, predicted))
            between = " " if len(was) + len(read) <= 4 else "\n"
            caption = f"{was}{between}read as {read}\n{probability[index]:.1%}, #{index}"
            axes.set_title(caption, fontsize=9)
    figure.suptitle(f"The worst {len(worst)} of {len(wrong)} mistakes")
    return figure


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:  # [H, W] or [H, W, 3]
    return image[..., 0] if image.shape[-1] == 1 else image


def learning_curve(curve: Sequence[Mapping[str, float]]) -> Figure:
    """Draw error rates over steps, logarithmic, from rows of the learning curve."""
    steps = [row["step"] for row in curve]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for key, label, colour, width in (
        ("train_accuracy", "training batch", "#9ca3af", 1.0),
        ("validation_accuracy", "validation set", ACCENT, 2.0),
    ):
        errors = [100 * (1 - row[key]) for row in curve]
        axes.plot(steps, errors, label=label, color=colour, linewidth=width)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_yticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("step")
    axes.set_ylabel("error rate (%)")
    axes.set_title(f"Validation accuracy {curve[-1]['validation_accuracy']:.2%} at the last step")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Save as PNG, without the version of matplotlib in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.family": "DejaVu Sans", "text.parse_math": False}):
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
