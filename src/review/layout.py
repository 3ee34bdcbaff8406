"""The parts of the report's page: sections, tables, rows of digits."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

from PIL import Image

from review.quoting import hypertext
from review.verdict import Review


def section(title: str, body: str, *, wide: bool = False) -> str:
    """Wrap HTML in a section with a heading."""
    kind = ' class="wide"' if wide else ""
    return f"<section{kind}><h2>{hypertext(title)}</h2>{body}</section>"


def table(
    header: Sequence[Any], rows: Iterable[Sequence[Any]], *, kind: str = "", caption: str = ""
) -> str:
    """Write a table with headers of columns and, first in each row, of rows."""
    names = [hypertext(cell) for cell in header]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(_row(names, row) for row in rows)
    title = f"<caption>{hypertext(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table class="{kind}">{title}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(names: list[str], row: Sequence[Any]) -> str:
    """Write a row; each cell carries its column's name, which shows where the row is stacked."""
    first, *rest = (hypertext(cell) for cell in row)
    cells = (
        f'<td data-label="{name}"><span>{cell}</span></td>'
        for name, cell in zip(names[1:], rest, strict=True)
    )
    return f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>'


def pictures(review: Review, indices: Sequence[int], *, before: bool) -> str:
    """Show test images with what they are and were read as; `before`: by both models."""
    items = [_picture(review, index, before=before) for index in indices]
    return f'<ul class="digits">{"".join(items)}</ul>'


def _picture(review: Review, index: int, *, before: bool) -> str:
    actual, predicted, probability = (column[index] for column in review.after.predictions)
    was = review.before.predictions.predicted[index] if before else None
    if was is None:
        kind, word, reading = "", "", f"read as {predicted} ({probability:.1%})"
    else:
        kind, word = ("won", "won: ") if predicted == actual else ("lost", "lost: ")
        reading = f"was {was}, now {predicted}"
    alt = f"A handwritten {actual}, test image {index}, {reading}"
    return (
        f'<li class="{kind}"><figure><img alt="{alt}" src="{_data(review, index)}">'
        f"<figcaption><b>{word}{actual}</b> #{index}<br>{reading}</figcaption></figure></li>"
    )


def _data(review: Review, index: int) -> str:
    assert review.images is not None  # noqa: S101  # for mypy: the sections asked before
    buffer = io.BytesIO()
    Image.fromarray(255 - review.images[index, ..., 0]).save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
