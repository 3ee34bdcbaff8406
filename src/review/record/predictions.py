"""Predictions: a row an example, its class and the one that the model took it for."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvcproject.revision import Revision
from review.errors import UserError
from review.record.readings import Range
from review.record.sources import Predicted
from review.record.table import Classes, Table

IDENTITIES = ("id", "index")  # columns that say which example a row is of
PROBABILITIES = ("probability", "proba", "prob")  # of the predicted class


class Predictions(NamedTuple):
    """One row an example of the test set, in its order."""

    classes: tuple[str, ...]  # names, numbers in their order
    actual: NDArray[np.int64]  # [N], places in `classes`
    predicted: NDArray[np.int64]  # [N]
    probability: NDArray[np.float64] | None  # [N], of the predicted class, where it is told
    ids: tuple[str, ...] | None  # [N], each once, where they are told

    @property
    def right(self) -> int:
        """Count the rows that the model reads right."""
        return int((self.actual == self.predicted).sum())

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(self.actual)

    def name(self, row: int) -> str:
        """Return what a row is called: its id, or its number."""
        return str(row) if self.ids is None else self.ids[row]


@lru_cache(maxsize=8)  # a table is asked for by `locked` and by the record
def read(revision: Revision, source: Predicted) -> Predictions:
    """Read a table of predictions. Raises UserError with the place."""
    table = Table(revision, source.path)
    table.require(source.actual, source.predicted)
    identity = next((name for name in IDENTITIES if name in table.header), None)
    likely = next((name for name in PROBABILITIES if name in table.header), None)
    names = [source.actual, source.predicted, *filter(None, (likely, identity))]
    classes = Classes(table, source.actual)
    actual, predicted, probability = [], [], []
    ids: list[str] = []
    for columns in table.chunks(names):
        actual.append(classes.encode(columns[0]))
        predicted.append(classes.encode(columns[1]))
        if likely:
            probability.append(table.number(likely, Range(0, 1), columns[2]))
        if identity:
            ids += columns[-1]
    order, codes = _ordered(list(classes.codes))
    if len(set(ids)) < len(ids):
        raise UserError(f"{table.where}: {identity}: expected each once, found one twice")
    return Predictions(
        order,
        codes[np.concatenate(actual)],
        codes[np.concatenate(predicted)],
        np.concatenate(probability) if likely else None,
        tuple(ids) if identity else None,
    )


def _ordered(names: list[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return names in order, numbers by their value; and the new place of each."""
    numbers = all(name.removeprefix("-").isdecimal() and len(name) < 16 for name in names)
    order = sorted(range(len(names)), key=lambda code: int(names[code]) if numbers else names[code])
    places = np.empty(len(names), np.int64)
    places[order] = np.arange(len(names))
    return tuple(names[code] for code in order), places


def aligned(before: Predictions, after: Predictions) -> Predictions | str:
    """Return the first predictions in the rows and the classes of the second.

    Or say why that cannot be: what of the two tables differs.
    """
    if (before.ids is None) != (after.ids is None):
        return "ids on one side alone"
    if before.rows != after.rows:
        return "other rows"
    order: NDArray[np.int64] | slice = slice(None)
    if before.ids is not None and after.ids is not None and before.ids != after.ids:
        places = {name: row for row, name in enumerate(before.ids)}
        if any(name not in places for name in after.ids):
            return "other rows"
        order = np.array([places[name] for name in after.ids])
    known = {name: code for code, name in enumerate(after.classes)}
    more = [name for name in before.classes if name not in known]
    known |= {name: len(known) + code for code, name in enumerate(more)}
    codes = np.array([known[name] for name in before.classes])
    actual, predicted = codes[before.actual][order], codes[before.predicted][order]
    if not np.array_equal(actual, after.actual):
        return "other labels"
    return before._replace(
        classes=(*after.classes, *more), actual=actual, predicted=predicted, ids=after.ids
    )
