"""Learning curves: columns of numbers over another column, of a plot in dvc.yaml."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dvcproject.revision import Revision
from review.record.readings import Range
from review.record.sources import TABLES, Line
from review.record.table import Table

ANY = Range(-1e100)
Curve = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # column -> xs, ys; [rows] each


def each(revision: Revision, line: Line) -> Iterator[Line]:
    """Yield a plot once a file: a folder stands for its tables, which may be none."""
    if line.ys or revision.has(line.path):
        yield line
        return
    for path in sorted(revision.files(line.path)):
        if path.lower().endswith(TABLES):
            yield line._replace(path=path)


def curve(revision: Revision, line: Line) -> Curve:
    """Read the columns of a plot; a row without a value is none of its column.

    Empty where a whole column is text, which is no curve. Raises UserError with the place.
    """
    table = Table(revision, line.path)
    drawn = line.ys or tuple(table.header[-1:])  # as DVC draws what names none
    names = [*filter(None, [line.x]), *drawn]
    parts = list(table.chunks(names))
    columns = [[cell for part in parts for cell in part[place]] for place in range(len(names))]
    if any(not any(map(_is_number, column)) for column in columns):
        return {}
    rows = len(columns[0])
    xs = columns[0] if line.x else [str(row) for row in range(rows)]
    found = {}
    for name, ys in zip(drawn, columns[-len(drawn) :], strict=True):
        pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x.strip() and y.strip()]
        found[name] = (
            table.number(line.x, ANY, [x for x, _ in pairs]),
            table.number(name, ANY, [y for _, y in pairs]),
        )
    return {name: pair for name, pair in found.items() if len(pair[0])}


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
