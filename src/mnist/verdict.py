"""The verdict on a change: the workspace's record against that of a git revision."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist import changes, comparison, dataset, locked, record, revision, spread
from mnist.changes import Changes
from mnist.comparison import Pairing
from mnist.record import Record

TEST = "data/prepared/test.npz"
BETTER, WORSE, SAME = "better", "worse", "no difference beyond noise"
UNPAIRED = "not comparable image by image"


class Seeds(NamedTuple):
    """How far apart two trainings of one recipe lie by their seeds alone, with confidence."""

    noise: float | None  # of accuracy; None where it is not known
    basis: str  # where that comes from, or why it is not known


class Review(NamedTuple):
    """All that a reviewer is told."""

    before: Record
    after: Record
    confidence: float
    pairing: Pairing | None  # None: different test sets
    obstacle: str  # why there is no pairing
    changes: Changes
    seeds: Seeds
    doubts: list[str]  # what makes the revision compared with less than certain
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


def make(root: Path, base: str) -> Review:
    """Review the workspace in `root` against `base`.

    Raises UserError where the workspace's dvc.lock is not that of its code, params and metrics: its
    numbers would be those of something else.
    """
    here, there = revision.workspace(root), revision.committed(root, base)
    locked.require(here)
    after, before = record.read(here), record.read(there)
    confidence = float(after.params["evaluate"]["confidence"])
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
        doubts=locked.differences(there),
        images=_images(root, after),
    )


def _obstacle(before: Record, after: Record) -> str:
    """Say why the two test sets are not the same; nothing where they are."""
    was, now = before.md5(TEST), after.md5(TEST)
    if was != now or now is None:
        return f"{TEST} has the md5 {was} in {before.name}, {now} in {after.name}"
    if not np.array_equal(before.predictions.actual, after.predictions.actual):
        return f"metrics/predictions.csv has other labels in {before.name} than in {after.name}"
    return ""


def _seeds(before: Record, after: Record, confidence: float) -> Seeds:
    """Take the spread that belongs to the recipe of either side; one that is stale is not used."""
    spreads = [side.spread for side in (after, before) if side.spread]
    for side in (after, before):
        belongs = spread.digest(side.params)
        for found in (found for found in spreads if found["params_digest"] == belongs):
            noise = comparison.seed_noise(found["sd"], found["n"], confidence)
            return Seeds(noise, f"{found['n']} seeds of the recipe of {side.name}")
    if spreads:
        return Seeds(None, "metrics/spread.json is stale, it belongs to other params: not used")
    return Seeds(None, "there is no metrics/spread.json")


def _images(root: Path, after: Record) -> NDArray[np.uint8] | None:
    """Return the test images, if the workspace has those that dvc.lock names."""
    path = root / TEST
    if not path.is_file():
        return None
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return dataset.load(path).images if digest == after.md5(TEST) else None


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
