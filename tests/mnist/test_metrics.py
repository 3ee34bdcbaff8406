"""Metrics agree with numbers worked out elsewhere."""

import numpy as np
import pytest

from mnist.errors import UserError
from mnist.evaluation import metrics
from mnist.params.evaluate import EvaluateParams

CLASSES = tuple("0123456789")


def test_wilsons_interval_is_that_of_newcombe() -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 and 15 of 148."""
    assert metrics.wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_an_evaluation_counts_by_hand() -> None:
    probabilities = np.zeros((4, 10), np.float32)
    probabilities[[0, 1, 2, 3], [7, 1, 1, 3]] = 0.5
    probabilities[3, 3] = 0.25
    found = metrics.evaluate(probabilities, np.array([7, 1, 3, 3], np.uint16), CLASSES, 0.95)
    assert (found["accuracy"], found["errors"], found["images"]) == (0.75, 1, 4)
    assert found["accuracy_of_class"] == {"1": 1.0, "3": 0.5, "7": 1.0}
    tiny = float(np.finfo(np.float32).tiny)
    expected = -(2 * np.log(0.5) + np.log(tiny) + np.log(0.25)) / 4
    assert found["log_loss"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.fault(43)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_gives_no_probabilities_is_not_evaluated(bad: float) -> None:
    probabilities = np.full((2, 10), bad, np.float32)
    with pytest.raises(
        UserError, match=r"model\.keras: expected probabilities, found numbers not f"
    ):
        metrics.evaluate(probabilities, np.array([7, 1], np.uint16), CLASSES, 0.95)


@pytest.mark.parametrize("confidence", [5e-324, 0.999999])
@pytest.mark.parametrize("right", [0, 5, 10])
def test_an_interval_of_any_confidence_that_is_taken_is_finite(
    confidence: float, right: int
) -> None:
    EvaluateParams(confidence=confidence)
    low, high = metrics.wilson(right, 10, confidence)
    assert 0 <= low <= high <= 1


def test_classes_out_of_balance_are_told() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 0, 0, 0]]
    found = metrics.evaluate(probabilities, np.array([0, 0, 0, 1], np.uint16), ("a", "b", "c"), 0.9)
    assert (found["accuracy"], found["balanced_accuracy"]) == (0.75, 0.5)
    assert found["majority_rate"] == 0.75
