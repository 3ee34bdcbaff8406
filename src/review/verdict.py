"""The verdict on a change: the workspace's record against that of a git revision."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import dataset
from review import ancestor, changes, comparison, locked, record, revision, spread
from review.changes import Changes
from review.comparison import Pairing
from review.errors import UserError
from review.quoting import plain, printable
from review.readings import Range
from review.record import Record

TEST = "data/prepared/test.npz"
CONFIDENCE = Range(1e-6, 1 - 1e-6)  # beyond it, an interval has no end
BETTER, WORSE, SAME = "better", "worse", "no difference beyond noise"
UNPAIRED = "not comparable image by image"
FIRST = "nothing to compare with"


class Seeds(NamedTuple):
    """How far apart two trainings of one recipe lie by their seeds alone, with confidence."""

    noise: float | None  # of accuracy; None where it is not known
    basis: str  # where that comes from, or why it is not known


class Review(NamedTuple):
    """All that a reviewer is told."""

    before: Record
    after: Record
    confidence: float
    pairing: Pairing | None  # None: different test sets, or none before
    obstacle: str  # why there is no pairing
    changes: Changes
    seeds: Seeds
    doubts: list[str]  # what makes the revision compared with less than certain
    note: str  # which commit is compared with, where that is not plain
    images: NDArray[np.uint8] | None  # of the test set, [N, 28, 28, 1], where they are at hand

    @property
    def p(self) -> float:
        """Return McNemar's exact p; 1.0 where the images are not paired."""
        if self.pairing is None:
            return 1.0
        return comparison.mcnemar(len(self.pairing.fixed), len(self.pairing.broken))

    @property
    def outcome(self) -> str:
        """Return the verdict in a word or three."""
        if not self.before.images:
            return FIRST
        if self.pairing is None:
            return UNPAIRED
        if self.p >= 1 - self.confidence:
            return SAME
        return BETTER if self.pairing.difference > 0 else WORSE

    @property
    def within_seeds(self) -> bool | None:
        """Tell whether seeds alone explain the change; None where that is not known."""
        if self.pairing is None or self.seeds.noise is None:
            return None
        return abs(self.pairing.difference) <= self.seeds.noise


def make(root: Path, base: str, *, tip: bool = False) -> Review:
    """Review the workspace in `root` against where its branch left `base`, or the tip of `base`.

    Raises UserError where the workspace's dvc.lock is not that of its code, params and metrics: its
    numbers would be those of something else.
    """
    here = revision.workspace(root)
    locked.require(here)
    there, note = ancestor.base(root, base, tip=tip)
    review = between(record.read(there, whole=False), record.read(here, whole=True))
    doubts = locked.differences(there) if review.before.stages else []
    return review._replace(doubts=doubts, note=note, images=_images(root, review.after))


def between(before: Record, after: Record) -> Review:
    """Review one record against another. Raises UserError where a confidence is none."""
    confidence = _confidence(after)
    obstacle = _obstacle(before, after)
    pairing = None
    if not obstacle:
        labels, predicted, _ = after.predictions
        pairing = comparison.pair(labels, before.predictions.predicted, predicted)
    return Review(
        before=before,
        after=after,
        confidence=confidence,
        pairing=pairing,
        obstacle=obstacle,
        changes=changes.between(before, after),
        seeds=_seeds(before, after, confidence),
        doubts=[],
        note="",
        images=None,
    )


def _confidence(after: Record) -> float:
    section = after.params.get("evaluate")
    found: Any = section.get("confidence") if isinstance(section, dict) else None
    if not CONFIDENCE.holds(found):
        text = printable(repr(found), 60)
        raise UserError(
            f"{after.name}: params.yaml: evaluate.confidence: expected {CONFIDENCE}, found {text}"
        )
    return float(found)


def _obstacle(before: Record, after: Record) -> str:
    """Say why the two are not compared image by image; nothing where they are."""
    if not before.images:
        return f"{plain(before.name)} has no {record.PREDICTIONS}"
    was, now = before.md5(TEST), after.md5(TEST)
    sides = plain(before.name), plain(after.name)
    if was != now or now is None:
        md5s = (
            f"{plain(md5 or 'none')} in {side}" for md5, side in zip((was, now), sides, strict=True)
        )
        return f"the test set is not the same ({TEST} has the md5 {', '.join(md5s)})"
    if not np.array_equal(before.predictions.actual, after.predictions.actual):
        labels = f"{record.PREDICTIONS} has other labels in {sides[0]} than in {sides[1]}"
        return f"the test set is not the same ({labels})"
    return ""


def _seeds(before: Record, after: Record, confidence: float) -> Seeds:
    """Take the spread that belongs to the recipe of either side; one that is stale is not used."""
    spreads = [side.spread for side in (after, before) if side.spread]
    for side in (after, before):
        belongs = spread.digest(side.params)
        for found in (found for found in spreads if found["params_digest"] == belongs):
            noise = comparison.seed_noise(found["sd"], found["n"], confidence)
            return Seeds(noise, f"{found['n']} seeds of the recipe of {plain(side.name)}")
    if spreads:
        return Seeds(None, "metrics/spread.json is stale, it belongs to other params: not used")
    return Seeds(None, "there is no metrics/spread.json")


def _images(root: Path, after: Record) -> NDArray[np.uint8] | None:
    """Return the test images, if the workspace has those that dvc.lock names."""
    path = root / TEST
    if not path.is_file():
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != after.md5(TEST):
        return None
    test = dataset.load(path)
    if not np.array_equal(test.labels, after.predictions.actual):
        raise UserError(
            f"{after.name}: {record.PREDICTIONS}: expected the labels of {TEST}, found others; "
            "run `dvc repro`"
        )
    return test.images


def gate(review: Review, *, fail_on_worse: bool, minimum: float | None) -> list[str]:
    """List the reasons to fail, a line each."""
    reasons = []
    if fail_on_worse and review.outcome == WORSE:
        reasons.append("review: worse than the base (--fail-on worse)")
    accuracy = review.after.right / review.after.images
    if minimum is not None and accuracy < minimum:
        reasons.append(
            f"review: expected an accuracy of at least {minimum} (--min-accuracy), found {accuracy}"
        )
    return reasons
