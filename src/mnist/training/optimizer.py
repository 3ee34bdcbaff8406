"""Adam with one fused operation per variable, and the schedules of its learning rate."""

import math
from typing import Any

import keras
import tensorflow as tf

from mnist.params.train import OptimizerParams

WARM_UP = 0.25  # share of the steps in which `one-cycle` climbs


def build(params: OptimizerParams, weights: list[keras.Variable]) -> "FusedAdam":
    """Build the optimizer and its state for `weights`; biases and norms do not decay."""
    rate = params.learning_rate
    if params.schedule != "constant":
        rate = Schedule(params)
    optimizer = FusedAdam(rate, *params.betas, weight_decay=params.weight_decay or None)
    if params.weight_decay:
        optimizer.exclude_from_weight_decay([weight for weight in weights if weight.ndim < 2])
    optimizer.build(weights)
    return optimizer


class FusedAdam(keras.optimizers.Adam):  # type: ignore[misc]  # keras carries no types
    """`keras.optimizers.Adam`, same formula and state, in TensorFlow's one-pass kernel.

    Keras' own update is a dozen element-wise operations, each a pass over the weights: 3.3 million
    of them in the tutorial's network.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its two moments in place."""
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate of each step.

    `one-cycle`: linear from a 25th to the highest rate over a quarter of the steps, then linear to
    zero (Smith and Topin, arXiv 1708.07120). `cosine`: half a wave from the highest rate to zero
    (Loshchilov and Hutter, arXiv 1608.03983).
    """

    def __init__(self, params: OptimizerParams) -> None:
        """Take length, highest rate and shape from `params`."""
        self.params = params

    def __call__(self, step: Any) -> Any:
        """Return the rate of step 0, 1, 2, ... as float32."""
        done = tf.cast(step, tf.float32) / self.params.steps
        share = {"one-cycle": _one_cycle, "cosine": _cosine}[self.params.schedule]
        return self.params.learning_rate * share(done)


def _one_cycle(done: Any) -> Any:
    return tf.minimum(0.04 + 0.96 * done / WARM_UP, (1 - done) / (1 - WARM_UP))


def _cosine(done: Any) -> Any:
    return (1 + tf.cos(math.pi * done)) / 2
