"""The images that changed sides, as a PNG."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from review import command
from review.gallery import caption, moved
from review.verdict import Review

COLUMNS = 8
DOTS_PER_INCH = 120
MOST = 48  # pictures in a grid
WON, LOST = "#1a7f37", "#b42318"


def save(review: Review, path: Path) -> bool:
    """Draw and save; False, and nothing, where no image moved or the images are not at hand."""
    figure = draw(review)
    if figure is None:
        return False
    with command.whole(path) as part, mpl.rc_context({"font.family": "DejaVu Sans"}):
        figure.savefig(part, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return True


def draw(review: Review) -> Figure | None:
    """Draw the images that changed sides; None where none did or the images are not at hand."""
    indices = moved(review)
    if review.images is None or not indices:
        return None
    shown = indices[:MOST]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(1.4 * COLUMNS, 1.65 * rows + 0.5), layout="constrained")
    predictions = review.after.predictions
    for place, axes in enumerate(figure.subplots(rows, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(shown):
            index = shown[place]
            axes.imshow(review.images[index, ..., 0], cmap="gray_r", vmin=0, vmax=255)
            won = predictions.predicted[index] == predictions.actual[index]
            axes.set_title(caption(index, review), fontsize=9, color=WON if won else LOST)
    figure.suptitle(
        f"{len(shown)} of the {len(indices)} images that changed sides; red: lost, green: won"
    )
    return figure
