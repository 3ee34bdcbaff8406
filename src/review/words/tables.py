"""The rows of a review's tables: metrics with intervals, classes that moved."""

from collections import Counter
from typing import Any

import numpy as np

from review.markup import as_text
from review.record import claims
from review.record.predictions import Predictions
from review.record.readings import Range
from review.verdict.compared import Compared
from review.verdict.statistics import wilson
from review.verdict.verdict import Review
from review.words import phrases
from review.words.formats import ABSENT, number, percent, points

Share = tuple[int, int]  # how many, of how many
Row = tuple[str, str, str, str]  # what, before, after, change
MOST = 20  # classes that are listed
WHOLE, SHARE = Range(1, whole=True), Range(0, 1)


def metrics(review: Review) -> list[Row]:
    """Return the rows of the metrics table, intervals included; a dash for what a side lacks."""
    before, after = review.before, review.after
    rows = []
    for table in review.tables:
        name = f"{phrases.title(table, review)}: " if len(review.tables) > 1 else "test "
        was, now = _tested(table.before), _tested(table.after)
        rows.append(_proportion(f"{name}accuracy", was, now, review.confidence))
        errors = [side[1] - side[0] if side else None for side in (was, now)]
        rows.append(_number(f"{name}errors", *errors))
    keys = {
        path: [*dict.fromkeys([*after.metrics.get(path, {}), *before.metrics.get(path, {})])]
        for path in dict.fromkeys([*after.metrics, *before.metrics])
    }
    times = Counter(key for found in keys.values() for key in found)
    for path, found in keys.items():
        sides = [side.metrics.get(path, {}) for side in (before, after)]
        known = _known(path, sides, review)
        for key in (key for key in found if key not in known):
            text = key if key == path else key.replace("_", " ")  # a number that stands alone
            name = text if times[key] == 1 else f"{path}: {text}"
            rows.append(_metric(name, key, sides, review.confidence))
    return rows


def _known(path: str, sides: list[dict[str, Any]], review: Review) -> set[str]:
    """Return the metrics that only repeat what was counted: they agree, or `locked` says no."""
    if path not in dict(review.after.sources.beside) or not claims.speaks(sides[1]):
        return set()
    return claims.repeated(sides[0] | sides[1]) | claims.BOUNDS


def _metric(name: str, key: str, sides: list[dict[str, Any]], confidence: float) -> Row:
    """Return the row of a metric; an accuracy beside the number that it is of has its interval."""
    shares = [_claimed(side, key) for side in sides]
    if shares[1] or (shares[0] and sides[1].get(key) is None):
        return _proportion(name, shares[0], shares[1], confidence)
    values = [side.get(key) for side in sides]
    if any(isinstance(value, str | bool) for value in values):
        was, now = (ABSENT if v is None else as_text(v) for v in values)
        return name, was, now, "same" if was == now else ABSENT
    return _number(name, *values)


def _claimed(side: dict[str, Any], key: str) -> Share | None:
    """Return the share that `validation_accuracy` is, where `validation_images` is beside it."""
    start, accuracy = key.removesuffix("accuracy"), side.get(key)
    counts = [side.get(start + noun) for noun in claims.COUNTS] if start != key else []
    total = next((n for n in counts if WHOLE.holds(n)), None)
    if total is None or accuracy is None or not SHARE.holds(accuracy):
        return None
    return round(accuracy * total), total


def _tested(found: Predictions | None) -> Share | None:
    return None if found is None else (found.right, found.rows)


def _proportion(what: str, before: Share | None, after: Share | None, confidence: float) -> Row:
    """Return a row of two proportions with their Wilson intervals."""
    was, now = (None if side is None else side[0] / side[1] for side in (before, after))
    change = ABSENT if was is None or now is None else f"{points(now - was)} points"
    name = f"{what} ({percent(confidence)} interval)"
    return name, _share(before, confidence), _share(after, confidence), change


def _share(found: Share | None, confidence: float) -> str:
    if found is None:
        return ABSENT
    low, high = wilson(*found, confidence)
    return f"{found[0] / found[1]:.4f} ({low:.4f} to {high:.4f})"


def _number(what: str, before: float | None, after: float | None) -> Row:
    was, now = (ABSENT if side is None else number(side) for side in (before, after))
    if before is None or after is None:
        return what, was, now, ABSENT
    return what, was, now, number(after - before, "+") if after != before else "same"


def classes_header(table: Compared) -> tuple[str, ...]:
    """Return the names of the columns of `classes`."""
    return ("class", table.noun, "fixed", "broken", "before", "after")


def classes(table: Compared) -> list[tuple[str, ...]]:
    """Return a row for each class of which rows changed sides, those that moved most first."""
    if table.pairing is None or table.before is None:
        return []
    actual, many = table.after.actual, len(table.before.classes)
    count = np.bincount(actual, minlength=many)
    fixed, broken = (
        np.bincount(actual[rows], minlength=many)
        for rows in (table.pairing.fixed, table.pairing.broken)
    )
    hits = [
        np.bincount(actual[side.predicted == actual], minlength=many)
        for side in (table.before, table.after)
    ]
    moved = fixed + broken
    order = np.lexsort((np.arange(many), -broken, -moved))[: min(np.count_nonzero(moved), MOST)]
    return [
        (
            table.before.classes[code],
            *(str(found[code]) for found in (count, fixed, broken)),
            *(f"{found[code] / count[code]:.4f}" for found in hits),
        )
        for code in order
    ]


def classes_left_out(table: Compared) -> str:
    """Say how many classes moved where those of `classes` are not all of them, else ""."""
    pairing, actual = table.pairing, table.after.actual
    rows = [] if pairing is None else [*pairing.fixed, *pairing.broken]
    number = len(set(actual[rows].tolist())) if rows else 0
    return f"; the {MOST} of {number:,} classes that moved most" if number > MOST else ""
