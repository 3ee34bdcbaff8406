"""What a review says, in words and rows; markdown and the page lay it out."""

from typing import Any

import numpy as np

from review.comparison import wilson
from review.quoting import plain, printable
from review.record import Record
from review.verdict import FIRST, UNPAIRED, Review

ABSENT = "—"
Share = tuple[int, int]  # how many, of how many
Row = tuple[str, str, str, str]  # what, before, after, change
CLASSES_HEADER = ("digit", "images", "fixed", "broken", "before", "after")


def verdict(review: Review) -> str:
    """Say in a sentence what the change did."""
    if not review.before.images:
        read = f"{review.after.right:,} of {review.after.images:,} test images are read right"
        return f"{_capital(FIRST)}: {review.obstacle}; {read}."
    if review.pairing is None:
        return f"{_capital(UNPAIRED)}: {review.obstacle}."
    fixed, broken = len(review.pairing.fixed), len(review.pairing.broken)
    if not fixed + broken:
        return (
            f"No difference: both models read the same {review.after.right:,} of "
            f"{review.after.images:,} test images right."
        )
    return (
        f"{_capital(review.outcome)}: of {review.pairing.images:,} test images {fixed} won, "
        f"{broken} lost (exact McNemar p {p_value(review.p)})."
    )


def cautions(review: Review) -> list[str]:
    """Say what the verdict does not."""
    found = [review.note] if review.note else []
    if review.before.images:
        found.append(
            "This compares two trained models on these images, not two recipes: another seed gives "
            f"another model. {seeds(review)}"
        )
    if review.doubts:
        doubts = "; ".join(map(plain, review.doubts))
        name = plain(review.before.name)
        found.append(f"Doubtful: the dvc.lock of {name} is not that of its own files ({doubts}).")
    return found


def seeds(review: Review) -> str:
    """Say whether seeds alone explain the change."""
    noise, basis = review.seeds
    if noise is None:
        return f"How far seeds alone move it is not known: {basis}; `make spread` measures it."
    text = (
        f"By seed alone, two trainings of one recipe differ by up to {100 * noise:.2f} points "
        f"({percent(review.confidence)}, {basis})"
    )
    if review.within_seeds is None:
        return f"{text}."
    return f"{text}: this change lies {'within' if review.within_seeds else 'beyond'} that."


def metrics(review: Review) -> list[Row]:
    """Return the rows of the metrics table, intervals included; a dash for what a side lacks."""
    before, after = review.before, review.after
    errors = [side.images - side.right if side.images else None for side in (before, after)]
    losses = [side.evaluation.get("log_loss") for side in (before, after)]
    rows = [
        _proportion("test accuracy", _tested(before), _tested(after), review.confidence),
        _number("test errors", ",", *errors),
        _number("test log loss (nats)", ".4f", *losses),
        _proportion(
            "validation accuracy", _validated(before), _validated(after), review.confidence
        ),
    ]
    for key in dict.fromkeys([*after.summary, *before.summary]):
        counts = [_whole(side.summary.get(key)) for side in (before, after)]
        if counts != [None, None]:
            rows.append(_number(key.replace("_", " "), ",", *counts))
    return rows


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _tested(record: Record) -> Share | None:
    return (record.right, record.images) if record.images else None


def _validated(record: Record) -> Share | None:
    accuracy, images = (record.summary.get(f"validation_{key}") for key in ("accuracy", "images"))
    return None if accuracy is None or images is None else (round(accuracy * images), images)


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


def _number(what: str, form: str, before: float | None, after: float | None) -> Row:
    was, now = (ABSENT if side is None else f"{side:{form}}" for side in (before, after))
    if before is None or after is None:
        return what, was, now, ABSENT
    return what, was, now, f"{after - before:+{form}}" if after != before else "same"


def classes(review: Review) -> list[tuple[str, ...]]:
    """Return a row for each class of which images changed sides."""
    if review.pairing is None:
        return []
    labels, rows = review.after.predictions.actual, []
    for digit in np.unique(labels):
        here = labels == digit
        fixed, broken = (
            int(here[indices].sum()) for indices in (review.pairing.fixed, review.pairing.broken)
        )
        if fixed + broken:
            shares = (
                float((side.predictions.predicted[here] == digit).mean())
                for side in (review.before, review.after)
            )
            counts = (digit, int(here.sum()), fixed, broken)
            rows.append((*map(str, counts), *(f"{share:.4f}" for share in shares)))
    return rows


def p_value(p: float) -> str:
    """Write a p-value with its relation sign, to three decimals or two digits."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}" if p < 0.01 else f"= {p:.3f}"


def percent(share: float) -> str:
    """Write a confidence, 0.95 say, in percent."""
    return f"{100 * share:g}%"


def points(share: float) -> str:
    """Write a difference of proportions in percentage points, signed."""
    return f"{100 * share:+.2f}"


def value(found: Any) -> str:
    """Write a value of params or environment; an absent one, or an empty list, as a dash."""
    if isinstance(found, list):
        return ", ".join(map(printable, found)) or ABSENT
    return ABSENT if found is None else printable(found)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
