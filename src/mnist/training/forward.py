"""The network in training, there and back, a shard of the batch at a time.

The gradient of a dense layer's weights is the one thing that is computed of the whole batch: one
product of what went in and what came back, put together from the shards. Shard by shard, the 13 MB
of it that the tutorial's network has would be written, and read again, once a shard.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.layers import BatchNormalization, Dense, Dropout

from mnist.training import shards


class Forward(NamedTuple):
    """What a shard's way through the network gives."""

    logits: Any  # float32 [n, classes]
    dense: dict[str, tuple[Any, Any]]  # of each dense layer: what went in, what came out
    moments: dict[str, tuple[Any, Any]]  # of each batch norm: mean, variance; [channels]


class Pass(NamedTuple):
    """A shard's way there, and what is needed to come back."""

    loss: Any
    tape: Any
    way: Forward


class Parts(NamedTuple):
    """What a worker's shards give to a step; all workers' together make the step."""

    loss: Any
    dense: dict[str, tuple[Any, Any]]  # of each dense layer: what went in, what came back
    gradients: dict[str, list[Any]]  # of the other layers' weights, summed
    moments: dict[str, list[Any]]  # of each batch norm: mean, variance, weighted and summed


def draw_kept(network: keras.Sequential, rows: int, seed: Any) -> Any:
    """Draw which values of a batch dropout keeps: bool `[rows, units]`; None without dropout.

    Keyed by `seed` (int32 [2]) and the row: into how many shards a batch is cut changes nothing.
    """
    for layer in network.layers:
        if isinstance(layer, Dropout):
            shape = (rows, layer.input.shape[-1])
            return tf.random.stateless_uniform(shape, seed, alg="philox") >= layer.rate
    return None


def run(network: keras.Sequential, pixels: Any, kept: Any, loss: Callable[[Any], Any]) -> Pass:
    """Run a shard through the network; `loss` takes its logits to its part of the batch's loss."""
    with tf.GradientTape() as tape:
        way = forward(network, pixels, kept)
        part = loss(way.logits)
    return Pass(part, tape, way)


def forward(network: keras.Sequential, pixels: Any, kept: Any) -> Forward:
    """Take float pixels `[n, H, W, C]` to logits; `kept` is what dropout keeps `[n, units]`."""
    values, dense, moments = pixels, {}, {}
    for layer in network.layers[:-1]:  # the last is the softmax
        if isinstance(layer, Dropout):
            values = tf.where(kept, values / (1 - layer.rate), tf.zeros_like(values))
        elif isinstance(layer, BatchNormalization):
            values, mean, variance = _normalize(layer, values)
            moments[layer.name] = mean, variance
        elif isinstance(layer, Dense):
            inputs = tf.cast(values, layer.compute_dtype)
            kernel, bias = (tf.cast(w.value, inputs.dtype) for w in (layer.kernel, layer.bias))
            values = inputs @ kernel + bias
            dense[layer.name] = inputs, values
        else:
            values = layer(values, training=True)
    return Forward(tf.cast(values, tf.float32), dense, moments)


def _normalize(layer: BatchNormalization, values: Any) -> tuple[Any, Any, Any]:
    """Normalise by the shard's own mean and variance: one operation where Keras takes ten.

    Fewer images than the optimizer's batch make it a ghost batch norm (Hoffer et al. 2017, arXiv
    1705.08741).
    """
    scale, offset = layer.gamma.value, layer.beta.value
    return tf.compat.v1.nn.fused_batch_norm(  # type: ignore[no-any-return]
        values, scale, offset, epsilon=layer.epsilon, is_training=True
    )


def back(network: keras.Sequential, passes: list[Pass], batch: int) -> Parts:
    """Come back with shards of a batch of so many images."""
    back = [one.tape.gradient(one.loss, _sources(network, one.way)) for one in passes]
    dense, gradients, moments = {}, {}, {}
    for layer in network.layers:
        of_shards = [each[layer.name] for each in back]
        if isinstance(layer, Dense):
            inputs = [one.way.dense[layer.name][0] for one in passes]
            dense[layer.name] = tf.concat(inputs, axis=0), tf.concat(of_shards, axis=0)
        else:
            gradients[layer.name] = [
                shards.total(list(parts)) for parts in zip(*of_shards, strict=True)
            ]
        if isinstance(layer, BatchNormalization):
            rows = [one.way.logits.shape[0] for one in passes]
            parts = zip(*(one.way.moments[layer.name] for one in passes), strict=True)
            moments[layer.name] = [
                shards.total([part * (n / batch) for part, n in zip(each, rows, strict=True)])
                for each in parts
            ]
    return Parts(shards.total([one.loss for one in passes]), dense, gradients, moments)


def gradients(network: keras.Sequential, parts: list[Parts]) -> list[Any]:
    """Return the gradients of the batch, in the order of `network.trainable_variables`."""
    found = []
    for layer in network.layers:
        if isinstance(layer, Dense):
            of_all = zip(*(one.dense[layer.name] for one in parts), strict=True)
            inputs, outputs = (tf.concat(each, axis=0) for each in of_all)
            found.append(tf.cast(tf.matmul(inputs, outputs, transpose_a=True), tf.float32))
            found.append(tf.reduce_sum(tf.cast(outputs, tf.float32), axis=0))
        else:
            of_all = zip(*(one.gradients[layer.name] for one in parts), strict=True)
            found += [shards.total(list(each)) for each in of_all]
    return found


def _sources(network: keras.Sequential, way: Forward) -> dict[str, Any]:
    """Name what a shard is differentiated by: outputs of dense layers, else the weights."""
    return {
        layer.name: way.dense[layer.name][1]
        if isinstance(layer, Dense)
        else [weight.value for weight in layer.trainable_variables]
        for layer in network.layers
    }


def move_moments(network: keras.Sequential, parts: list[Parts]) -> None:
    """Move each batch norm's mean and variance by those of the shards, weighted by their images."""
    for layer in network.layers:
        if isinstance(layer, BatchNormalization):
            of_all = zip(*(one.moments[layer.name] for one in parts), strict=True)
            for moving, each in zip(
                (layer.moving_mean, layer.moving_variance), of_all, strict=True
            ):
                of_batch = shards.total(list(each))
                moving.assign(layer.momentum * moving.value + (1 - layer.momentum) * of_batch)
