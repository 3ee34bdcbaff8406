"""How far apart two trainings of one recipe lie by their seeds alone, where that is on record."""

import hashlib
import json
from typing import Any, NamedTuple

from review.quoting import plain
from review.record import Record
from review.verdict import statistics

CLOSE = 5e-4  # of a metric and the accuracy that is counted: it may be rounded
METRIC = "accuracy"


class Seeds(NamedTuple):
    """What seeds alone do to the accuracy, with confidence."""

    noise: float | None  # of accuracy; None where it is not known
    basis: str  # where that comes from, or why it is not known


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
    """Take the spread that belongs to the recipe of either side; one that is stale is not used."""
    spreads = [side.spread for side in (after, before) if side.spread]
    for side in (after, before):
        for found in spreads:
            if found["params_digest"] != digest(side.recipe, found.get("param", "")):
                continue
            metric = found.get("metric", METRIC)
            if not _is_accuracy(metric, after):
                return Seeds(None, f"{plain(path)} is of {plain(metric)}, another metric: not used")
            noise = statistics.seed_noise(found["sd"], found["n"], confidence)
            return Seeds(noise, f"{found['n']} seeds of the recipe of {plain(side.name)}")
    if spreads:
        return Seeds(None, f"{plain(path)} is stale, it belongs to other params: not used")
    return Seeds(None, f"there is no {plain(path)}")


def _is_accuracy(metric: str, record: Record) -> bool:
    """Tell whether a metric is the share of rows that are right, as the review counts it."""
    key = metric.rpartition(":")[2]
    values = [found[key] for found in record.metrics.values() if key in found]
    shares = [table.right / table.rows for table in record.predictions.values()]
    return any(
        isinstance(value, int | float) and abs(value - share) <= CLOSE
        for value in values
        for share in shares
    )
