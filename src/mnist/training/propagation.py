"""The forward and backward pass of the network in training, one shard of the batch at a time.

Only the gradient of a dense layer's weights is computed for the whole batch: one product of the
layer's inputs and its output gradients, both concatenated from the shards. Otherwise this gradient,
13 MB in the tutorial's network, would be written and read again for each shard.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.layers import BatchNormalization, Dense, Dropout

from mnist.training import shards


class Activations(NamedTuple):
    """What the forward pass of a shard computes."""

    logits: Any  # float32 [n, classes]
    dense: dict[str, tuple[Any, Any]]  # of each dense layer: inputs, outputs
    moments: dict[str, tuple[Any, Any]]  # of each batch norm: mean, variance; [channels]


class ForwardPass(NamedTuple):
    """The forward pass of a shard, and what the backward pass needs."""

    loss: Any
    tape: Any
    activations: Activations


class Contribution(NamedTuple):
    """What the shards of a worker contribute to a step; all workers' together make the step."""

    loss: Any
    dense: dict[str, tuple[Any, Any]]  # of each dense layer: inputs, output gradients
    gradients: dict[str, list[Any]]  # of the other layers' weights, summed
    moments: dict[str, list[Any]]  # of each batch norm: mean, variance, weighted and summed


def draw_dropout_mask(network: keras.Sequential, rows: int, seed: Any) -> Any:
    """Draw which values of a batch dropout keeps: bool `[rows, units]`; None without dropout.

    Keyed by `seed` (int32 [2]) and the row, so the number of shards changes nothing.
    """
    for layer in network.layers:
        if isinstance(layer, Dropout):
            shape = (rows, layer.input.shape[-1])
            return tf.random.stateless_uniform(shape, seed, alg="philox") >= layer.rate
    return None


def run_forward(
    network: keras.Sequential, pixels: Any, mask: Any, loss: Callable[[Any], Any]
) -> ForwardPass:
    """Run a shard through the network; `loss`: its logits -> its share of the batch's loss."""
    with tf.GradientTape() as tape:
        activations = forward(network, pixels, mask)
        share = loss(activations.logits)
    return ForwardPass(share, tape, activations)


def forward(network: keras.Sequential, pixels: Any, mask: Any) -> Activations:
    """Compute the logits of float pixels `[n, H, W, C]`; `mask`: of dropout `[n, units]`."""
    values, dense, moments = pixels, {}, {}
    for layer in network.layers[:-1]:  # the last is the softmax
        if isinstance(layer, Dropout):
            values = tf.where(mask, values / (1 - layer.rate), tf.zeros_like(values))
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
    return Activations(tf.cast(values, tf.float32), dense, moments)


def _normalize(layer: BatchNormalization, values: Any) -> tuple[Any, Any, Any]:
    """Normalise by the shard's own mean and variance: one operation where Keras takes ten.

    Fewer images than the optimizer's batch make it a ghost batch norm (Hoffer et al. 2017, arXiv
    1705.08741).
    """
    scale, offset = layer.gamma.value, layer.beta.value
    return tf.compat.v1.nn.fused_batch_norm(  # type: ignore[no-any-return]
        values, scale, offset, epsilon=layer.epsilon, is_training=True
    )


def backward(network: keras.Sequential, passes: list[ForwardPass], batch: int) -> Contribution:
    """Run shards backward, which belong to a batch of `batch` images."""
    shard_gradients = [p.tape.gradient(p.loss, _sources(network, p.activations)) for p in passes]
    dense, gradients, moments = {}, {}, {}
    for layer in network.layers:
        of_shards = [gradient[layer.name] for gradient in shard_gradients]
        if isinstance(layer, Dense):
            inputs = [p.activations.dense[layer.name][0] for p in passes]
            dense[layer.name] = tf.concat(inputs, axis=0), tf.concat(of_shards, axis=0)
        else:
            gradients[layer.name] = [
                shards.tree_sum(list(weight)) for weight in zip(*of_shards, strict=True)
            ]
        if isinstance(layer, BatchNormalization):
            rows = [p.activations.logits.shape[0] for p in passes]
            of_moments = zip(*(p.activations.moments[layer.name] for p in passes), strict=True)
            moments[layer.name] = [
                shards.tree_sum(
                    [value * (n / batch) for value, n in zip(moment, rows, strict=True)]
                )
                for moment in of_moments
            ]
    return Contribution(shards.tree_sum([p.loss for p in passes]), dense, gradients, moments)


def batch_gradients(network: keras.Sequential, contributions: list[Contribution]) -> list[Any]:
    """Return the gradients of the batch, in the order of `network.trainable_variables`."""
    gradients = []
    for layer in network.layers:
        if isinstance(layer, Dense):
            of_workers = zip(*(c.dense[layer.name] for c in contributions), strict=True)
            inputs, outputs = (tf.concat(values, axis=0) for values in of_workers)
            gradients.append(tf.cast(tf.matmul(inputs, outputs, transpose_a=True), tf.float32))
            gradients.append(tf.reduce_sum(tf.cast(outputs, tf.float32), axis=0))
        else:
            of_workers = zip(*(c.gradients[layer.name] for c in contributions), strict=True)
            gradients += [shards.tree_sum(list(values)) for values in of_workers]
    return gradients


def _sources(network: keras.Sequential, activations: Activations) -> dict[str, Any]:
    """Return what the loss is differentiated by: outputs of dense layers, weights of the others."""
    return {
        layer.name: activations.dense[layer.name][1]
        if isinstance(layer, Dense)
        else [weight.value for weight in layer.trainable_variables]
        for layer in network.layers
    }


def update_moments(network: keras.Sequential, contributions: list[Contribution]) -> None:
    """Update each batch norm's moving mean and variance by those of the batch."""
    for layer in network.layers:
        if isinstance(layer, BatchNormalization):
            of_workers = zip(*(c.moments[layer.name] for c in contributions), strict=True)
            averages = (layer.moving_mean, layer.moving_variance)
            for average, values in zip(averages, of_workers, strict=True):
                moment = shards.tree_sum(list(values))
                average.assign(layer.momentum * average.value + (1 - layer.momentum) * moment)
