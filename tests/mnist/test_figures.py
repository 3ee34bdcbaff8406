"""The pictures say what the numbers say, in the same bytes each time; the tables read back."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from mnist import tables
from mnist.errors import UserError
from mnist.evaluation import figures

ACTUAL = np.array([0, 1, 2, 3, 3])
PREDICTED = np.array([0, 1, 3, 3, 8])
PROBABILITY = np.array([0.9, 0.8, 0.6, 0.9, 0.7])
CLASSES = tuple("0123456789")
IMAGES = np.zeros((5, 28, 28, 1), np.uint8)


def test_the_confusion_matrix_counts_every_cell() -> None:
    [axes] = figures.confusion_matrix(ACTUAL, PREDICTED, CLASSES).axes
    cells = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "1", (1, 1): "1", (2, 3): "1", (3, 3): "1", (3, 8): "1"}
    assert axes.get_title() == "2 mistakes on 5 test images"


def test_the_worst_mistakes_come_first_and_right_ones_not_at_all() -> None:
    figure = figures.worst_mistakes(IMAGES, ACTUAL, PREDICTED, PROBABILITY, CLASSES)
    captions = [axes.get_title() for axes in figure.axes]
    assert captions[:3] == ["3 read as 8\n70.0%, #4", "2 read as 3\n60.0%, #2", ""]


def test_the_learning_curve_shows_error_rates() -> None:
    rows = [
        {"step": 0.0, "train_accuracy": 0.1, "validation_accuracy": 0.2},
        {"step": 100.0, "train_accuracy": 1.0, "validation_accuracy": 0.99},
    ]
    [axes] = figures.learning_curve(rows).axes
    batch, validation = axes.lines
    assert np.asarray(validation.get_ydata()).tolist() == pytest.approx([80, 1])
    assert np.asarray(batch.get_ydata()).tolist() == pytest.approx([90, 0])
    assert axes.get_title() == "Validation accuracy 99.00% at the last step"


def test_a_picture_has_the_same_bytes_twice_and_is_one(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        figures.save(figures.confusion_matrix(ACTUAL, PREDICTED, CLASSES), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "a.png").shape[:2] == (720, 768)


def test_a_table_reads_back_and_a_broken_one_is_named(tmp_path: Path) -> None:
    tables.write_csv(("step", "loss"), [(0, 0.5), (100, 1 / 3)], tmp_path / "curve.csv")
    assert (tmp_path / "curve.csv").read_text() == "step,loss\n0,0.500000\n100,0.333333\n"
    expected = [{"step": 0, "loss": 0.5}, {"step": 100, "loss": 0.333333}]
    assert tables.read_csv(tmp_path / "curve.csv") == expected
    (tmp_path / "curve.csv").write_text("step,loss\n0,high\n")
    with pytest.raises(UserError, match=r"curve\.csv: expected a table of numbers, found could"):
        tables.read_csv(tmp_path / "curve.csv")
