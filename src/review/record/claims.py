"""What a metrics file says of the predictions beside it, held against the predictions."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dvcproject.revision import Revision
from review.markup import as_text
from review.record import documents, predictions, sources
from review.record.documents import flatten
from review.record.predictions import Predictions

DECIMALS = 6
BOUNDS = {"accuracy_low", "accuracy_high"}  # names of an interval, which a review computes itself
COUNTS = ("images", "rows", "samples", "examples")  # names of how many rows there are


def contradictions(revision: Revision) -> list[str]:
    """List what metrics say that the predictions, which the same stage writes, do not."""
    found = sources.find(revision)
    tables = {table.path: table for table in found.predictions}
    return [
        line
        for path, table in found.beside
        if revision.has(path) and revision.has(table)
        for line in _contradict(revision, path, tables[table])
    ]


def _contradict(revision: Revision, path: str, source: sources.Predicted) -> Iterator[str]:
    said = documents.metrics(revision, path)
    if not speaks(said):
        return
    counted = count(predictions.read(revision, source), said)
    for key in sorted(repeated(said), key=[*said].index):
        if not _agree(said[key], counted.get(key)):
            yield f"{path}: {key}: {as_text(said[key])}, {counted.get(key)} in {source.path}"


def speaks(said: dict[str, Any]) -> bool:
    """Tell whether metrics are those of the predictions: they say an accuracy, and of how many."""
    return "accuracy" in said and any(name in said for name in COUNTS)


def repeated(said: dict[str, Any]) -> set[str]:
    """Return the metrics that a review counts itself."""
    names = {"accuracy", "errors", *COUNTS}
    return {key for key in said if key in names or key.startswith("accuracy_of_class.")}


def count(found: Predictions, said: dict[str, Any]) -> dict[str, Any]:
    """Count what metrics may say, by their names for it."""
    right = found.actual == found.predicted
    rows = np.bincount(found.actual, minlength=len(found.classes))
    hits = np.bincount(found.actual[right], minlength=len(found.classes))
    shares = {name: float(h / n) for name, h, n in zip(found.classes, hits, rows, strict=True) if n}
    return {
        "accuracy": round(float(right.mean()), DECIMALS),
        "errors": int((~right).sum()),
        **{name: len(right) for name in COUNTS if name in said},
        **flatten({"accuracy_of_class": {k: round(v, DECIMALS) for k, v in shares.items()}}),
    }


def _agree(said: Any, counted: Any) -> bool:
    """Tell whether two numbers are the same, in as many decimals as are said."""
    if isinstance(said, bool) or not isinstance(said, int | float) or counted is None:
        return False
    decimals = len(f"{said!r}".partition(".")[2]) if "e" not in f"{said!r}" else DECIMALS
    return bool(abs(said - counted) <= max(10**-DECIMALS, 0.5 * 10**-decimals * bool(decimals)))
