"""Are 90 % of the answers that a network is 90 % sure of right? One number makes them so.

Temperature scaling: logits divided by a number that the validation set chooses. It moves how sure
the answers are, and no answer. Guo et al. 2017, arXiv 1706.04599.

A small validation set that was read without an error would make the network as sure as can be. So
the number is the most probable one (MAP) under a normal prior on its logarithm: with few images it
stays near 1, with hundreds the images alone decide. Such a prior on the scale of logits: Gelman et
al. 2008, A weakly informative default prior distribution for logistic regression, arXiv 0901.4011.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

ROWS = 10_000  # that are held in double precision at once
BINS = 15  # of equal width, as in that paper
RANGE = (0.05, 20.0)
PRIOR = 0.25  # standard deviation of the temperature's logarithm: 2 in 3 lie between 0.78 and 1.28
DECIMALS = 2  # few enough that the last bit of a logarithm decides nothing


def temperature(probabilities: NDArray[np.float32], labels: NDArray[np.uint16]) -> float:
    """Return the most probable number to divide logits by, given the labels `[N]`."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))

    def loss(logarithm: float) -> float:
        scaled = logits / np.exp(logarithm)
        scaled -= scaled.max(axis=1, keepdims=True)
        likelihood = scaled[np.arange(len(labels)), labels] - np.log(np.exp(scaled).sum(axis=1))
        return (logarithm / PRIOR) ** 2 / 2 - float(likelihood.sum())

    low, high = np.log(RANGE)
    found = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded")
    return round(float(np.exp(found.x)), DECIMALS)


def scale(probabilities: NDArray[np.float32], by: float) -> NDArray[np.float32]:
    """Return what probabilities are once their logits are divided by `by`."""
    blocks = (probabilities[start : start + ROWS] for start in range(0, len(probabilities), ROWS))
    return np.concatenate([_scale(block, by) for block in blocks])


def _scale(probabilities: NDArray[np.float32], by: float) -> NDArray[np.float32]:
    logits = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny)) / by
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def error(probabilities: NDArray[np.float32], labels: NDArray[np.uint16]) -> float:
    """Return the expected calibration error: how far sureness is from accuracy, on the mean."""
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, right - sure, BINS)
    return float(np.abs(gaps).sum() / len(labels))


def summarize(
    probabilities: NDArray[np.float32], labels: NDArray[np.uint16], temperature: float
) -> dict[str, float]:
    """Return the calibration error of a network, and what it was before its logits were divided."""
    before = scale(probabilities, 1 / temperature)
    return {
        "calibration_error": round(error(probabilities, labels), 6),
        "calibration_error_before": round(error(before, labels), 6),
    }
