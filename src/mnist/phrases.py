"""What a review says, in words and rows; markdown and the page lay it out."""

from typing import Any

import numpy as np

from mnist.metrics import wilson
from mnist.record import Record
from mnist.verdict import UNPAIRED, Review

Row = tuple[str, str, str, str]  # what, before, after, change
CLASSES_HEADER = ("digit", "images", "fixed", "broken", "before", "after")


def verdict(review: Review) -> str:
    """Say in a sentence what the change did."""
    if review.pairing is None:
        return f"{_capital(UNPAIRED)}: the test set is not the same ({review.obstacle})."
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
    found = [
        "This compares two trained models on these images, not two recipes: another seed gives "
        f"another model. {seeds(review)}"
    ]
    if review.doubts:
        found.append(
            f"Doubtful: the dvc.lock of {review.before.name} is not that of its own files "
            f"({'; '.join(review.doubts)})."
        )
    return found


def seeds(review: Review) -> str:
    """Say whether seeds alone explain the change."""
    noise, basis = review.seeds
    if noise is None:
        return f"How far seeds alone move it is not known: {basis}; `make spread` measures it."
    text = (
        f"By seed alone, two trainings of one recipe differ by up to {100 * noise:.2f} points "
        f"({review.confidence:.0%}, {basis})"
    )
    if review.within_seeds is None:
        return f"{text}."
    return f"{text}: this change lies {'within' if review.within_seeds else 'beyond'} that."


def metrics(review: Review) -> list[Row]:
    """Return the rows of the metrics table, intervals included."""
    before, after = review.before, review.after
    tested = ((before.right, before.images), (after.right, after.images))
    validated = (_validation(before), _validation(after))
    losses = (before.evaluation["log_loss"], after.evaluation["log_loss"])
    return [
        _proportion("test accuracy", *tested, review.confidence),
        _number("test errors", before.images - before.right, after.images - after.right, ","),
        _number("test log loss (nats)", *losses, ".4f"),
        _proportion("validation accuracy", *validated, review.confidence),
        *(
            _number(key.replace("_", " "), before.summary[key], number, ",")
            for key, number in after.summary.items()
            if isinstance(number, int) and key in before.summary
        ),
    ]


def _validation(record: Record) -> tuple[int, int]:
    images = record.summary["validation_images"]
    return round(record.summary["validation_accuracy"] * images), images


def _proportion(
    what: str, before: tuple[int, int], after: tuple[int, int], confidence: float
) -> Row:
    """Return a row of two proportions, each (right, all), with their Wilson intervals."""
    (was_low, was_high), (low, high) = (
        wilson(right, images, confidence) for right, images in (before, after)
    )
    was, now = before[0] / before[1], after[0] / after[1]
    return (
        f"{what} ({confidence:.0%} interval)",
        f"{was:.4f} ({was_low:.4f} to {was_high:.4f})",
        f"{now:.4f} ({low:.4f} to {high:.4f})",
        f"{points(now - was)} points",
    )


def _number(what: str, before: float, after: float, form: str) -> Row:
    change = f"{after - before:+{form}}" if after != before else "same"
    return what, f"{before:{form}}", f"{after:{form}}", change


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


def points(share: float) -> str:
    """Write a difference of proportions in percentage points, signed."""
    return f"{100 * share:+.2f}"


def value(found: Any) -> str:
    """Write a value of params or environment; an absent one, or an empty list, as a dash."""
    if isinstance(found, list):
        return ", ".join(map(str, found)) or "—"
    return "—" if found is None else str(found)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
