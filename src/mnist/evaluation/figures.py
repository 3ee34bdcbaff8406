"""Metrics -> pictures; the same numbers, the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnist.arrays.images import Images
from mnist.evaluation.confusion import ACCENT, short
from mnist.evaluation.metrics import Predictions

DOTS_PER_INCH = 120
GRID = (4, 6)  # rows, columns of the worst mistakes
NARROW = 18  # characters of a name that are as wide as a picture


def worst_mistakes(
    images: Images, answers: Predictions, classes: Sequence[str], *, ink: bool
) -> Figure:
    """Draw the wrongly read images, most confident first: class, prediction, probability.

    `ink`: what is bright in them is ink on paper.
    """
    actual, predicted, probability = answers
    wrong = np.flatnonzero(actual != predicted)
    worst = wrong[np.argsort(-probability[wrong], kind="stable")][: GRID[0] * GRID[1]]
    pictures = images[worst]
    figure = Figure(figsize=(1.35 * GRID[1], 1.75 * GRID[0] + 0.4), layout="constrained")
    for place, axes in enumerate(figure.subplots(*GRID).flat):
        axes.set_axis_off()
        if place < len(worst):
            index = worst[place]
            axes.imshow(_shown(pictures[place]), cmap="gray_r" if ink else "gray", vmin=0, vmax=255)
            was, read = (classes[answer[index]] for answer in (actual, predicted))
            text, size = _caption(was, read)
            axes.set_title(f"{text}\n{probability[index]:.1%}, #{index}", fontsize=size)
    figure.suptitle(f"The worst {len(worst)} of {len(wrong):,} mistakes")
    return figure


def _caption(was: str, read: str) -> tuple[str, int]:
    """Say what an image is and what it was read as, in the width of a picture; and the size."""
    if len(was) + len(read) <= 4:
        return f"{was} read as {read}", 9
    return f"{short(was, NARROW)}\n→ {short(read, NARROW)}", 8


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
