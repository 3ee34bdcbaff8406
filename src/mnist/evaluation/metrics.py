"""Probabilities and labels -> what they are worth, with intervals."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mnist.errors import UserError

DECIMALS = 6
UNEVEN = 1.5  # times its fair share that the commonest class has where they are out of balance


class Predictions(NamedTuple):
    """One row an image of the test set, in its order."""

    actual: NDArray[np.int64]  # [N]
    predicted: NDArray[np.int64]  # [N]
    probability: NDArray[np.float64]  # [N], of the predicted class


def predictions(probabilities: NDArray[np.float32], labels: NDArray[np.uint16]) -> Predictions:
    """Take the likeliest class of each row of `[N, classes]`; the lower one where two are equal."""
    likeliest = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(np.float64)
    return Predictions(labels.astype(np.int64), likeliest, confidence)


def rows(answers: Predictions, classes: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield a row an image: its index, both classes by name, the probability."""
    for index, (actual, predicted, probability) in enumerate(zip(*answers, strict=True)):
        yield index, classes[actual], classes[predicted], float(probability)


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927, JASA 22:209)."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def evaluate(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint16],
    classes: tuple[str, ...],
    confidence: float,
) -> dict[str, Any]:
    """Summarise probabilities `[N, classes]` against labels `[N]`, N at least 1.

    `balanced_accuracy` is the mean over classes, `majority_rate` what naming the commonest class
    always would reach. The log loss is the mean of -ln p(label), in nats, p held above the smallest
    float32. Raises UserError for probabilities that are none.
    """
    if not np.isfinite(probabilities).all():
        raise UserError("models/model.keras: expected probabilities, found numbers not finite")
    right = probabilities.argmax(axis=1) == labels
    low, high = wilson(int(right.sum()), len(labels), confidence)
    counts = np.bincount(labels, minlength=len(classes))
    of_class = {
        classes[label]: round(float(right[labels == label].mean()), DECIMALS)
        for label in np.flatnonzero(counts)
    }
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    floor = float(np.finfo(np.float32).tiny)
    return {
        "accuracy": round(float(right.mean()), DECIMALS),
        "accuracy_low": round(low, DECIMALS),
        "accuracy_high": round(high, DECIMALS),
        "errors": int((~right).sum()),
        "images": len(labels),
        "log_loss": round(float(-np.log(np.maximum(of_label, floor)).mean()), DECIMALS),
        "balanced_accuracy": round(float(np.mean(list(of_class.values()))), DECIMALS),
        "majority_rate": round(float(counts.max() / len(labels)), DECIMALS),
        "accuracy_of_class": of_class,
    }


def balance(evaluation: dict[str, Any]) -> str:
    """Say what an accuracy is worth where one class is much commoner than the others, else ""."""
    majority = evaluation["majority_rate"]
    if majority * len(evaluation["accuracy_of_class"]) < UNEVEN:
        return ""
    return (
        f"accuracy {evaluation['accuracy']:.1%}; mean of the classes "
        f"{evaluation['balanced_accuracy']:.1%}; the commonest class alone {majority:.1%}"
    )


def sentence(evaluation: dict[str, Any], confidence: float) -> str:
    """Say what an evaluation says: a line, and one on the classes where they are uneven."""
    uneven = balance(evaluation)
    return (
        f"test accuracy {evaluation['accuracy']:.4f} "
        f"({confidence:.0%} interval {evaluation['accuracy_low']:.4f} to "
        f"{evaluation['accuracy_high']:.4f}), "
        f"{evaluation['errors']} errors on {evaluation['images']} images"
        + (f"\n{uneven}" if uneven else "")
    )
