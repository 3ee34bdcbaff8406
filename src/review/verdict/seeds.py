"""How far apart two trainings of one recipe lie by their seeds alone, where that is on record."""

import hashlib
import json
from typing import Any, NamedTuple

from review.markup import plain
from review.record.record import Record
from review.verdict import statistics
from review.verdict.changes import same_models

CLOSE = 5e-4  # of a metric and the accuracy that is counted: it may be rounded
METRIC = "accuracy"


class Other(NamedTuple):
    """What seeds alone do to another metric than the accuracy, and what the change did to it."""

    metric: str
    noise: float
    change: float | None  # None where it is not known


class Seeds(NamedTuple):
    """What seeds alone do to the accuracy, with confidence."""

    noise: float | None  # of accuracy; None where it is not known
    basis: str  # where that comes from, or why it is not known
    other: Other | None = None  # where another metric was measured


def digest(recipe: dict[str, Any], param: str) -> str:
    """Return a digest of what a spread belongs to: all params that stages declare but the seed."""
    rest = {key: _plain(value) for key, value in recipe.items() if key != param}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def of(before: Record, after: Record, path: str, confidence: float) -> Seeds:
    """Take the spread that belongs to the recipe of either side; one that is stale is not used.

    Where both sides have the same model, no seed made the difference.
    """
    if same_models(before, after):
        return Seeds(None, "both sides have the same model")
    spreads = [side.spread for side in (after, before) if side.spread]
    for side in (after, before):
        for found in spreads:
            if found["params_digest"] != digest(side.recipe, found.get("param", "")):
                continue
            metric = found.get("metric", METRIC)
            noise = statistics.seed_noise(found["sd"], found["n"], confidence)
            basis = f"{found['n']} seeds of the recipe of {plain(side.name)}"
            if not _is_accuracy(metric, after):
                change = _change(metric, before, after)
                return Seeds(None, basis, Other(metric, noise, change))
            return Seeds(noise, basis)
    if spreads:
        return Seeds(None, f"{plain(path)} is stale, it belongs to other params: not used")
    return Seeds(None, f"there is no {plain(path)}")


def _is_accuracy(metric: str, record: Record) -> bool:
    """Tell whether a metric is the share of rows that are right, as the review counts it."""
    shares = [table.right / table.rows for table in record.predictions.values()]
    return any(abs(v - share) <= CLOSE for v in _values(metric, record) for share in shares)


def _change(metric: str, before: Record, after: Record) -> float | None:
    sides = [_values(metric, side) for side in (before, after)]
    return sides[1][0] - sides[0][0] if all(len(values) == 1 for values in sides) else None


def _values(metric: str, record: Record) -> list[float]:
    """Return the numbers that files of metrics have for `KEY`, or one for `FILE:KEY`."""
    path, _, key = metric.rpartition(":")
    found = (data.get(key) for file, data in record.metrics.items() if path in {"", file})
    return [value for value in found if isinstance(value, int | float)]
