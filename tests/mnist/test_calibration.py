"""A network that is too sure is made as sure as it is right, and answers the same."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist import predict
from mnist.evaluation import calibration
from mnist.task import Task

SHAPES = Task((32, 32, 3), ("circle", "square", "triangle"), "pad")


def drawn(
    count: int, too_sure: float, *, seed: int = 0, spread: float = 2
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Draw labels by probabilities, and return these as a network says that is too sure."""
    generator = np.random.Generator(np.random.PCG64(seed))
    logits = generator.normal(0, spread, (count, 5))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1).clip(0, 4)
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


@pytest.mark.fault(152)
def test_a_small_set_that_was_read_without_an_error_leaves_the_temperature_near_one() -> None:
    """Nine pictures, all read right, made it 0.05: every answer of the model was 100 % sure."""
    sure = np.repeat(np.linspace(0.5, 0.98, 9)[:, np.newaxis], 3, axis=1)
    sure[:, 1:] = (1 - sure[:, 1:]) / 2
    found = calibration.temperature(sure.astype(np.float32), np.zeros(9, np.uint16))
    assert 0.7 < found < 1
    doubtful = np.array([[0.45, 0.35, 0.2]], np.float32)
    shown = predict.likeliest(calibration.scale(doubtful, found)[0], SHAPES)
    assert (shown["sure"], shown["why"]) == (False, "all others together are likelier")


@pytest.mark.fault(152)
@pytest.mark.parametrize("count", [10, 30, 100, 300, 1000, 10_000])
@pytest.mark.parametrize("too_sure", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("spread", [2.0, 8.0])
def test_calibration_makes_the_log_loss_of_a_test_set_no_worse_than_noise(
    count: int, too_sure: float, spread: float
) -> None:
    test, labels = drawn(4000, too_sure, spread=spread)
    before = losses(test, labels)
    changes = []
    for seed in range(1, 11):
        found = calibration.temperature(*drawn(count, too_sure, seed=seed, spread=spread))
        changes.append(float(losses(calibration.scale(test, found), labels).mean() - before.mean()))
    assert np.mean(changes) < 0.01  # nats; 0.005 on the average of 100 draws, with 10 images
    assert max(changes) < 2 * before.std() / np.sqrt(count)  # what `count` images cannot tell


@pytest.mark.parametrize(("spread", "gain"), [(2.0, 0.8), (8.0, 0.1)])
def test_a_hundred_images_are_enough_to_mend_a_network_that_is_far_too_sure(
    spread: float, gain: float
) -> None:
    test, labels = drawn(4000, 4.0, spread=spread)
    found = calibration.temperature(*drawn(100, 4.0, seed=1, spread=spread))
    mended = calibration.scale(test, found)
    assert losses(mended, labels).mean() < losses(test, labels).mean() - gain


def losses(
    probabilities: NDArray[np.float32], labels: NDArray[np.uint16]
) -> NDArray[np.float64]:  # [N], nats
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(right, np.finfo(np.float32).tiny))
