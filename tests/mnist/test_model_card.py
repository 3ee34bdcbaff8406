"""The model card says what was measured, of every class, and how to load the file."""

import numpy as np

from mnist.evaluation import metrics, model_card
from mnist.task import Task

LABELS = np.array([0] * 20 + [1] * 5, np.uint16)


def written(task: Task) -> str:
    probabilities = np.tile(np.array([0.9, 0.1, 0], np.float32), (25, 1))
    probabilities[20:22] = [0.2, 0.8, 0]
    evaluation = metrics.evaluate(probabilities, LABELS, task.classes, 0.9)
    evaluation |= {"calibration_error": 0.02, "calibration_error_before": 0.05}
    train: dict[str, float] = {
        "steps": 30,
        "train_images": 40,
        "validation_images": 8,
        "parameters": 1234567,
    }
    train |= {"temperature": 1.5}
    return model_card.write(
        model_card.About(task, "abc", [("dense", "3")], train, evaluation, LABELS, confidence=0.9)
    )


def test_it_says_what_was_measured_of_every_class_that_was_tested() -> None:
    said = written(Task((28, 28, 1), ("a|b", "c", "never"), "ink"))
    assert "MD5 `abc`" in said
    low, high = metrics.wilson(22, 25, 0.9)
    assert f"Test accuracy 0.8800 (90% interval, Wilson: {low:.4f} to {high:.4f})" in said
    assert "3 errors on 25 images" in said
    low, high = metrics.wilson(2, 5, 0.9)
    assert f"| c | 5 | 0.4000 | {low:.4f} to {high:.4f} |" in said
    assert "| a\\|b | 20 | 1.0000 |" in said
    assert "| never |" not in said
    assert "0.0200; 0.0500 before its logits were divided by 1.5" in said
    assert "1,234,567 weights" in said


def test_it_says_how_a_picture_is_to_be_prepared_and_the_file_loaded() -> None:
    digits = written(Task((28, 28, 1), ("a", "b", "c"), "ink"))
    assert "centred by its mass in 28 x 28" in digits
    flowers = written(Task((32, 48, 3), ("a", "b", "c"), "crop"))
    assert "pictures of one of its classes" in flowers
    assert "[N, 32, 48, 3], 0 to 255" in flowers
    assert "dvc artifacts get REPOSITORY digits" in flowers
