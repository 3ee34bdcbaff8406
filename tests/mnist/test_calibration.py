"""A network that is too sure is made as sure as it is right, and answers the same."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist.evaluation import calibration


def drawn(count: int, too_sure: float) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Draw labels by probabilities, and return these as a network says that is too sure."""
    generator = np.random.Generator(np.random.PCG64(0))
    logits = generator.normal(0, 2, (count, 5))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1)
    said = np.exp(too_sure * logits)
    return (said / said.sum(axis=1, keepdims=True)).astype(np.float32), labels.astype(np.uint16)


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_and_mends_the_error(too_sure: float) -> None:
    probabilities, labels = drawn(20_000, too_sure)
    found = calibration.temperature(probabilities, labels)
    assert found == pytest.approx(too_sure, rel=0.03)
    mended = calibration.scale(probabilities, found)
    assert calibration.error(mended, labels) < 0.015  # 20,000 draws
    assert np.array_equal(mended.argmax(axis=1), probabilities.argmax(axis=1))
    told = calibration.summarize(mended, labels, found)
    before = calibration.error(probabilities, labels)
    assert told["calibration_error_before"] == pytest.approx(before, abs=1e-3)


def test_the_error_by_hand() -> None:
    """Two answers at 0.9, one of them right, and two at 0.6, both right: (0.8 + 0.8) / 4."""
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], np.float32)
    assert calibration.error(sure, np.array([0, 1, 0, 0], np.uint16)) == pytest.approx(0.4)


def test_answers_that_are_never_wrong_have_a_finite_temperature() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 2]]
    assert 0 < calibration.temperature(probabilities, np.array([0, 1, 2], np.uint16)) <= 20
