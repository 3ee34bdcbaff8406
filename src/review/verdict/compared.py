"""One table of predictions of two revisions, row by row."""

from typing import NamedTuple

from review.markup import plain
from review.record.predictions import Predictions, aligned
from review.record.record import Record
from review.record.sources import Predicted
from review.verdict import statistics
from review.verdict.statistics import Pairing

BETTER, WORSE, SAME = "better", "worse", "no difference beyond noise"
FIRST = "nothing to compare with"
UNPAIRED = "not comparable"


class Compared(NamedTuple):
    """A table before and after."""

    source: Predicted
    before: Predictions | None  # in the rows of `after`, where they are paired
    after: Predictions
    pairing: Pairing | None  # None: different test sets, or none before
    obstacle: str  # why there is no pairing
    confidence: float
    noun: str  # what a row is

    @property
    def p(self) -> float:
        """Return McNemar's exact p; 1.0 where the rows are not paired."""
        if self.pairing is None:
            return 1.0
        return statistics.mcnemar(len(self.pairing.fixed), len(self.pairing.broken))

    @property
    def outcome(self) -> str:
        """Return the verdict in a word or three."""
        if self.before is None:
            return FIRST
        if self.pairing is None:
            return UNPAIRED
        if self.p >= 1 - self.confidence:
            return SAME
        return BETTER if self.pairing.difference > 0 else WORSE


def compare(
    before: Record, after: Record, source: Predicted, *, confidence: float, images: str | None
) -> Compared:
    """Compare a table of two records; `images`: the file of the pictures of its rows."""
    now, was = after.predictions[source], before.predictions.get(source)
    obstacle = _missing(before, source) if was is None else _other_images(before, after, images)
    pairing = None
    if was is not None and not obstacle:
        found = aligned(was, now)
        if isinstance(found, str):
            sides = f"{found} in {plain(before.name)} than in {plain(after.name)}"
            obstacle = f"the test set is not the same ({plain(source.path)} has {sides})"
        else:
            was = found
            pairing = statistics.pair(now.actual, was.predicted, now.predicted)
    noun = "images" if images else "rows"
    return Compared(source, was, now, pairing, obstacle, confidence, noun)


def _missing(before: Record, source: Predicted) -> str:
    return f"{plain(before.name)} has no {plain(source.path)}"


def _other_images(before: Record, after: Record, images: str | None) -> str:
    """Say that the two have other pictures; nothing where they are the same, or not known."""
    if images is None or (after.md5(images) is None and before.md5(images) is None):
        return ""
    was, now = before.md5(images), after.md5(images)
    if was == now:
        return ""
    sides = plain(before.name), plain(after.name)
    md5s = (
        f"{plain(md5 or 'none')} in {side}" for md5, side in zip((was, now), sides, strict=True)
    )
    return f"the test set is not the same ({plain(images)} has the md5 {', '.join(md5s)})"
