"""Adam, its schedules and its weight decay."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist.params.train import OptimizerParams
from mnist.training import optimizer
from mnist.training.optimizer import FusedAdam, Schedule

PLAIN = OptimizerParams(
    steps=100, learning_rate=0.01, schedule="constant", betas=(0.9, 0.999), weight_decay=0
)


def test_the_fused_adam_is_keras_adam() -> None:
    start = np.linspace(-1, 1, 50, dtype=np.float32)
    ends = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        variable = keras.Variable(start)
        moving = kind(0.01, 0.7, 0.9, weight_decay=0.1)
        for step in range(20):
            gradient = tf.sin(variable.value * (step + 1))
            moving.apply([gradient], [variable])
        ends.append(keras.ops.convert_to_numpy(variable))
    assert np.allclose(ends[0], ends[1], atol=1e-5)
    assert np.abs(ends[0] - start).max() > 0.05


@pytest.mark.parametrize(
    ("name", "expected"),
    [("one-cycle", [0.0004, 0.01, 0.005, 0.0]), ("cosine", [0.01, 0.00853553, 0.003086583, 0.0])],
)
def test_a_schedule_ends_at_nothing(name: str, expected: list[float]) -> None:
    schedule = Schedule(PLAIN.model_copy(update={"schedule": name}))
    rates = [float(schedule(step)) for step in (0, 25, 62.5, 100)]
    assert np.allclose(rates, expected, atol=1e-8)


def test_the_schedule_is_what_moves_the_weights() -> None:
    variable = keras.Variable(np.zeros((2, 2), np.float32))
    moving = optimizer.build(PLAIN.model_copy(update={"schedule": "one-cycle"}), [variable])
    moving.apply([tf.ones((2, 2))], [variable])
    assert np.allclose(variable.numpy(), -0.0004, atol=1e-7)


def test_weight_decay_spares_biases() -> None:
    kernel, bias = (keras.Variable(np.ones(shape, np.float32)) for shape in ((2, 2), (2,)))
    moving = optimizer.build(PLAIN.model_copy(update={"weight_decay": 0.5}), [kernel, bias])
    moving.apply([tf.zeros((2, 2)), tf.zeros(2)], [kernel, bias])
    assert np.allclose(kernel.numpy(), 1 - 0.01 * 0.5)
    assert np.array_equal(bias.numpy(), [1, 1])
