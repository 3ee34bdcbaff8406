"""The images that changed sides, as a PNG."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from review import output
from review.verdict.compared import Compared
from review.verdict.images import Images
from review.verdict.verdict import Review
from review.words.gallery import answers, caption, moved

COLUMNS = 8
DOTS_PER_INCH = 120
MOST = 48  # pictures in a grid
WIDE = 20  # characters beside each other above a picture
WON, LOST = "#1a7f37", "#b42318"


def save(review: Review, path: Path) -> bool:
    """Draw and save; False, and nothing, where no image moved or the images are not at hand."""
    for table in review.tables:
        images = review.pictures(table)
        if images is not None and moved(table):
            figure = draw(table, images)
            with output.whole(path) as part, mpl.rc_context({"font.family": "DejaVu Sans"}):
                figure.savefig(part, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
            return True
    return False


def draw(table: Compared, images: Images) -> Figure:
    """Draw the images that changed sides."""
    rows = moved(table)
    shown = rows[:MOST]
    lines = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(1.4 * COLUMNS, 1.65 * lines + 0.5), layout="constrained")
    found = table.after
    for place, axes in enumerate(figure.subplots(lines, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(shown):
            row = shown[place]
            axes.imshow(images[row], cmap="gray", vmin=0, vmax=255)
            won = found.predicted[row] == found.actual[row]
            text, size = _above(row, table)
            axes.set_title(text.replace("$", r"\$"), fontsize=size, color=WON if won else LOST)
    figure.suptitle(
        f"{len(shown)} of the {len(rows)} images that changed sides; red: lost, green: won"
    )
    return figure


def _above(row: int, table: Compared) -> tuple[str, int]:
    """Return what stands above a picture, and its size: a line, or one a name."""
    line = caption(row, table)
    if len(line) <= WIDE:
        return line, 9
    name, label, first, second = answers(row, table)
    return f"{name}\n{label}:\n{first}\n→ {second}", 7
