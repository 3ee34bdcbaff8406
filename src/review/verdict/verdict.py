"""The verdict on a change: the workspace's record against that of a git revision."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from dvcproject.revision import workspace
from review import ancestor
from review.errors import UserError
from review.record import lock_check, record
from review.record.predictions import Predictions
from review.record.record import Record, stored
from review.verdict import changes, compared, images, seeds
from review.verdict.changes import Changes
from review.verdict.compared import WORSE, Compared
from review.verdict.images import Images
from review.verdict.seeds import Seeds

CONFIDENCE = 0.95
NONE = "no predictions to compare"


class Options(NamedTuple):
    """What is chosen for a review."""

    tip: bool = False  # compare with the tip of the base
    confidence: float = CONFIDENCE
    images: str | None = None  # a path, pictures of the rows
    spread: str = record.SPREAD
    spread_with: str = "review spread"  # the command that measures it


class Review(NamedTuple):
    """All that a reviewer is told."""

    before: Record
    after: Record
    options: Options
    tables: list[Compared]  # those that decide first, else as dvc.yaml has them
    changes: Changes
    seeds: Seeds
    doubts: list[str]  # what makes the revision compared with less than certain
    note: str  # which commit is compared with, where that is not plain
    images: Images | None  # of the rows, where they are at hand

    @property
    def confidence(self) -> float:
        """Return the confidence of every interval."""
        return self.options.confidence

    @property
    def outcome(self) -> str:
        """Return the verdict in a word or three: the worst, or else the first table's."""
        outcomes = [table.outcome for table in self.tables if self.decides(table)]
        return WORSE if WORSE in outcomes else next(iter(outcomes), NONE)

    @property
    def same_models(self) -> list[str]:
        """Return the paths of the models, where both sides have the same ones; none otherwise."""
        return changes.same_models(self.before, self.after)

    def decides(self, table: Compared) -> bool:
        """Tell whether a table decides: rows that the model has seen do not, where others do."""
        is_of_training = table.source.is_of_training
        return not is_of_training or all(t.source.is_of_training for t in self.tables)

    def pictures(self, table: Compared) -> Images | None:
        """Return the images of a table's rows, where they are at hand."""
        is_of = self.images is not None and len(self.images) == table.after.rows
        return self.images if is_of else None

    def within_seeds(self, table: Compared) -> bool | None:
        """Tell whether seeds alone explain a change; None where that is not known."""
        if table.pairing is None or self.seeds.noise is None:
            return None
        return abs(table.pairing.difference) <= self.seeds.noise


def make(root: Path, base: str, options: Options | None = None) -> Review:
    """Review the workspace in `root` against where its branch left `base`, or the tip of `base`.

    Raises UserError where the workspace's dvc.lock is not that of its code, params and metrics: its
    numbers would be those of something else.
    """
    options = options or Options()
    here = workspace(root)
    lock_check.require(here)
    there, note = ancestor.base(root, base, tip=options.tip)
    after = record.read(stored(here, root), whole=True, spread=options.spread)
    kept = stored(there, root)
    before = record.read(kept, whole=False, also=after.sources, spread=options.spread)
    doubts = lock_check.differences(there) if before.stages else []
    review = between(before, after, options)
    return review._replace(doubts=doubts, note=note, images=_images(root, review))


def between(before: Record, after: Record, options: Options | None = None) -> Review:
    """Review one record against another."""
    options = options or Options()
    tables = [
        compared.compare(
            before, after, source, confidence=options.confidence, images=options.images
        )
        for source in sorted(after.predictions, key=lambda source: source.is_of_training)
    ]
    return Review(
        before=before,
        after=after,
        options=options,
        tables=tables,
        changes=changes.between(before, after),
        seeds=seeds.of(before, after, options.spread, options.confidence),
        doubts=[],
        note="",
        images=None,
    )


def _images(root: Path, review: Review) -> Images | None:
    """Return the pictures, if they are those that dvc.lock names, or as many as there are rows."""
    name = review.options.images
    if name is None or not (root / name).is_file():
        return None
    recorded = review.after.md5(name)
    if recorded is not None and recorded != _md5(root / name):
        return None
    found, labels = images.load(root / name, name)
    tables = [table.after for table in review.tables if table.after.rows == len(found)]
    if not tables:
        return None
    if labels is not None and not any(_agree(labels.tolist(), table) for table in tables):
        path = next(iter(review.after.predictions)).path
        raise UserError(
            f"{review.after.name}: {path}: expected the labels of {name}, found others; "
            "run `dvc repro`"
        )
    return found


def _agree(labels: list[object], table: Predictions) -> bool:
    """Tell whether labels are those of a table, by name or, one number a class, in any order."""
    actual = table.actual.tolist()
    pairs = set(zip(labels, actual, strict=False))
    return len(labels) == len(actual) and len(pairs) == len(set(labels)) == len(set(actual))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def gate(review: Review, *, fail_on_worse: bool, minimum: float | None) -> list[str]:
    """List the reasons to fail, a line each. Raises UserError where there is nothing to judge."""
    if minimum is not None and not review.tables:
        raise UserError("review: --min-accuracy: expected predictions, found none")
    reasons = []
    if fail_on_worse and review.outcome == WORSE:
        reasons.append("review: worse than the base (--fail-on worse)")
    for table in filter(review.decides, review.tables):
        accuracy = table.after.right / table.after.rows
        if minimum is not None and accuracy < minimum:
            reasons.append(
                f"review: expected an accuracy of at least {minimum} (--min-accuracy), found "
                f"{accuracy}"
            )
    return reasons
