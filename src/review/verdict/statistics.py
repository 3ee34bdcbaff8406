"""All arithmetic of a verdict: rows won and lost, McNemar's p, intervals, the noise of seeds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats


class Pairing(NamedTuple):
    """How two models fared on the same images, by index; `fixed`: only the second is right."""

    fixed: NDArray[np.intp]
    broken: NDArray[np.intp]
    both_right: int
    both_wrong: int

    @property
    def images(self) -> int:
        """Count the images."""
        return len(self.fixed) + len(self.broken) + self.both_right + self.both_wrong

    @property
    def difference(self) -> float:
        """Return the second accuracy less the first."""
        return (len(self.fixed) - len(self.broken)) / self.images


def pair(actual: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64]) -> Pairing:
    """Pair two predictions `[N]` of the same labels `[N]`, N at least 1."""
    was, now = before == actual, after == actual
    fixed, broken = np.flatnonzero(now & ~was), np.flatnonzero(was & ~now)
    return Pairing(fixed, broken, int((was & now).sum()), int((~was & ~now).sum()))


def mcnemar(fixed: int, broken: int) -> float:
    """Return the exact two-sided p of McNemar's test: a fair coin for each image that moved.

    McNemar 1947, Psychometrika 12:153; 1.0 where none moved.
    """
    return float(stats.binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927, JASA 22:209)."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def newcombe(pairing: Pairing, confidence: float) -> tuple[float, float]:
    """Return the score interval of the paired difference of accuracies.

    Method 10 of Newcombe 1998, Statistics in Medicine 17:2635: the two Wilson intervals, combined
    with the correlation of the pairs, which is held down by half a pair where it is positive.
    """
    images = pairing.images
    right = np.array([len(pairing.fixed), len(pairing.broken)]) + pairing.both_right
    after, before = right / images
    (low_after, high_after), (low_before, high_before) = (
        wilson(int(count), images, confidence) for count in right
    )
    phi = _correlation(pairing)

    def distance(one: float, other: float) -> float:
        return float(np.sqrt(one**2 - 2 * phi * one * other + other**2))

    low = after - before - distance(after - low_after, high_before - before)
    high = after - before + distance(high_after - after, before - low_before)
    return float(low), float(high)


def _correlation(pairing: Pairing) -> float:
    fixed, broken = len(pairing.fixed), len(pairing.broken)
    both_right, both_wrong = pairing.both_right, pairing.both_wrong
    margins = (both_right + fixed) * (both_wrong + broken)
    margins *= (both_right + broken) * (both_wrong + fixed)
    if not margins:
        return 0.0
    agreement = both_right * both_wrong - fixed * broken
    corrected = max(agreement - pairing.images / 2, 0) if agreement > 0 else agreement
    return float(corrected / np.sqrt(float(margins)))


def seed_noise(deviation: float, seeds: int, confidence: float) -> float:
    """Return how far apart two trainings of one recipe lie, at most, with this confidence.

    Student's t for `seeds` - 1 degrees of freedom, times the standard deviation of a difference.
    Raises ValueError for fewer than two seeds.
    """
    if seeds < 2:
        raise ValueError(f"expected at least 2 seeds, found {seeds}")
    return float(stats.t.ppf((1 + confidence) / 2, seeds - 1) * deviation * np.sqrt(2))
