"""The smallest and the largest tasks, from examples to a prediction: few images, few steps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import test_training as tiny
from mnist import predict
from mnist.arrays import dataset, residence
from mnist.arrays.dataset import Examples
from mnist.evaluation import calibration, confusion, figures, metrics
from mnist.network import model
from mnist.params.augment import AugmentParams
from mnist.task import Task
from mnist.training import loop

DESIGN = tiny.SMALL.model_copy(
    update={"blocks": ((4,), (4,), (4,)), "initializer": "glorot"}  # to a pixel of 8
)
FEW = tiny.FEW.model_copy(
    update={"steps": 2, "batch_size": 4, "label_smoothing": 0.1, "average": 0.9}
)
DISTORTED = AugmentParams(rotation=5, shear=5, zoom=0.1, shift=1, flip=True)


def examples(task: Task, count: int) -> Examples:
    generator = np.random.Generator(np.random.PCG64(count))
    labels = np.linspace(0, len(task.classes) - 1, count).astype(np.uint16)
    return Examples(generator.integers(0, 256, (count, *task.shape), np.uint8), labels, task)


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ((8, 8, 1), 2),
        pytest.param((8, 224, 3), 1000, marks=pytest.mark.slow),
        ((224, 224, 1), 1000),
        pytest.param((224, 224, 3), 2, marks=pytest.mark.slow),
    ],
)
def test_a_task_at_a_corner_goes_all_the_way(
    tmp_path: Path, shape: tuple[int, int, int], classes: int
) -> None:
    names = tuple(
        "𠀀" * 96 + f"{number:04}" for number in range(classes)
    )  # 100 letters, 4 bytes each
    task = Task(shape, names, "crop")
    sets = []
    for name, count in (("train", 12), ("validation", 6), ("test", 60)):
        dataset.save(examples(task, count), tmp_path / f"{name}.npz")
        sets.append(dataset.load(tmp_path / f"{name}.npz"))
    train, validation, test = residence.bring(sets, 0)
    network = model.build(DESIGN, task, FEW.seed)
    curve = loop.fit(network, train, validation, FEW, DISTORTED)
    temperature = calibration.temperature(
        model.predictor(network)(validation.images), validation.labels
    )
    model.divide(network, temperature)
    model.save(model.Trained(network, task, temperature), tmp_path / "m.keras")
    again, found, _ = model.load(tmp_path / "m.keras")
    assert found == task
    probabilities = model.predictor(again)(test.images)
    assert np.array_equal(probabilities, model.predictor(network)(test.images))
    assert probabilities.shape == (60, classes)
    evaluation = metrics.evaluate(probabilities, test.labels, names, 0.95)
    assert evaluation["images"] == 60
    assert [point.step for point in curve] == [0, 2]
    answers = metrics.predictions(probabilities, test.labels)
    short = [f"Größe {number}" for number in range(classes)]
    figures.save(confusion.draw(*answers[:2], short), tmp_path / "confusion.png")
    figures.save(figures.worst_mistakes(test.images, answers, short, ink=False), tmp_path / "w.png")
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "photo.png")
    assert predict.look(tmp_path / "photo.png", task).pixels.shape == shape
