"""The parts of the page: sections, tables, rows of pictures."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from review.markup import hypertext
from review.verdict.compared import Compared
from review.verdict.images import Images

SIDE = 160  # pixels of a picture, at most
LONG = 9  # characters of a class: more take wider pictures


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


def pictures(table: Compared, images: Images, rows: Sequence[int], *, before: bool) -> str:
    """Show images with what they are and were read as; `before`: by both models."""
    items = [_picture(table, images[row], row, before=before) for row in rows]
    classes = (table.before or table.after).classes
    kind = "pictures named" if max(map(len, classes)) > LONG else "pictures"
    return f'<ul class="{kind}">{"".join(items)}</ul>'


def _picture(table: Compared, image: NDArray[np.uint8], row: int, *, before: bool) -> str:
    found, names = table.after, (table.before or table.after).classes
    actual, now = int(found.actual[row]), int(found.predicted[row])
    kind, word = "", ""
    if before and table.before is not None:
        kind, word = ("won", "won: ") if now == actual else ("lost", "lost: ")
        reading = f"was {names[int(table.before.predicted[row])]}, now {names[now]}"
    else:
        sure = "" if found.probability is None else f" ({found.probability[row]:.1%})"
        reading = f"read as {found.classes[now]}{sure}"
    label = found.classes[actual]
    alt = hypertext(f"A picture of {label}, row {found.name(row)}, {reading}")
    return (
        f'<li class="{kind}"><figure><img alt="{alt}" src="{_data(image)}">'
        f"<figcaption><b>{word}{hypertext(label)}</b> #{hypertext(found.name(row))}"
        f"<br>{hypertext(reading)}</figcaption></figure></li>"
    )


def _data(image: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    picture = Image.fromarray(image)
    picture.thumbnail((SIDE, SIDE))
    picture.save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
