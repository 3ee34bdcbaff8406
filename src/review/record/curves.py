"""Learning curves: columns of numbers over another column, of a plot in dvc.yaml."""

import numpy as np
from numpy.typing import NDArray

from review.record.readings import Range
from review.record.sources import Line
from review.record.table import Table
from review.revision import Revision

ANY = Range(-1e100)
Curve = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # column -> xs, ys; [rows] each


def curve(revision: Revision, line: Line) -> Curve:
    """Read the columns of a plot; a row without a value is none of its column.

    Empty where a whole column is text, which is no curve. Raises UserError with the place.
    """
    table = Table(revision, line.path)
    names = [*filter(None, [line.x]), *line.ys]
    parts = list(table.chunks(names))
    columns = [[cell for part in parts for cell in part[place]] for place in range(len(names))]
    if any(not any(map(_is_number, column)) for column in columns):
        return {}
    rows = len(columns[0])
    xs = columns[0] if line.x else [str(row) for row in range(rows)]
    found = {}
    for name, ys in zip(line.ys, columns[-len(line.ys) :], strict=True):
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
