"""Compile the training step, of which one call runs many, and hand it its images."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist.arrays import images
from mnist.arrays.dataset import Examples
from mnist.params.augment import AugmentParams
from mnist.params.train import StepParams
from mnist.training import augment, exchange, optimizer, propagation, shards
from mnist.training.propagation import ForwardPass
from mnist.training.worker import SINGLE_WORKER, Worker

FLOAT32 = ("scale", "logits")  # layers that never compute in bfloat16


class Trainer(NamedTuple):
    """A function that runs steps, and all state besides the number of the step."""

    run_steps: Callable[[int, NDArray[np.int32]], NDArray[np.float32]]
    # first step, rows of its data [S, batch] -> losses [S]
    variables: list[Any]  # tf.Variable: weights, moments, and the weights' mean


def build(
    model: keras.Sequential,
    train: Examples,
    params: StepParams,
    distortion: AugmentParams,
    worker: Worker = SINGLE_WORKER,
) -> Trainer:
    """Compile the step, which trains `model`, or a copy of it of which `model` is the average."""
    has_copy = params.average > 0 or params.precision != "float32"
    network = _copy(model, params.precision) if has_copy else model
    weights = network.trainable_variables
    adam = optimizer.build(params, weights)
    shards.fix_order()

    def run_step(step: Any, images: Any, labels: Any) -> Any:
        seed = [params.seed, step]
        inputs = (
            images,
            labels,
            augment.draw(params.batch_size, images.shape[1:3], seed, distortion),
            propagation.draw_dropout_mask(network, params.batch_size, seed),
        )
        cut = list(zip(*(shards.split(values, params.shards) for values in inputs), strict=True))
        passes = [run_shard(*shard) for shard in worker.local_shards(cut)]
        local = propagation.backward(network, passes, params.batch_size)
        contributions = exchange.all_gather(local, params, worker)
        adam.apply(propagation.batch_gradients(network, contributions), weights)
        propagation.update_moments(network, contributions)
        return shards.tree_sum([contribution.loss for contribution in contributions])

    def run_shard(images: Any, labels: Any, transforms: Any, mask: Any) -> ForwardPass:
        pixels = augment.distort(tf.cast(images, tf.float32), transforms)
        return propagation.run_forward(network, pixels, mask, partial(_loss, labels, params))

    @tf.function(
        input_signature=[
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((None, params.batch_size, *train.images.shape[1:]), tf.uint8),
            tf.TensorSpec((None, params.batch_size), tf.int32),
        ]
    )
    def run_call(first_step: Any, images: Any, labels: Any) -> Any:
        losses = tf.TensorArray(tf.float32, tf.shape(labels)[0])
        for i in tf.range(tf.shape(labels)[0]):
            losses = losses.write(i, run_step(first_step + i, images[i], labels[i]))
            if params.average:
                _follow(model, network, _decay(first_step + i, params.average))
        if has_copy and not params.average:
            _follow(model, network, 0.0)
        return losses.stack()

    state = [*network.weights, *adam.variables, *(model.weights if has_copy else [])]
    return Trainer(partial(_feed, run_call, train), [variable.value for variable in state])


def _feed(
    run_call: Callable[[Any, Any, Any], Any],
    train: Examples,
    first_step: int,
    rows: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Run steps on the images with these rows, as many per call as one block of images allows."""
    steps = max(images.BLOCK_BYTES // (rows.shape[1] * images.bytes_per_image(train.images)), 1)
    losses = []
    for start in range(0, len(rows), steps):
        part = rows[start : start + steps]
        pixels = train.images[part.ravel()].reshape(*part.shape, *train.images.shape[1:])
        numbers = train.labels[part].astype(np.int32)
        losses.append(run_call(first_step + start, pixels, numbers).numpy())
    return np.concatenate(losses)


def _copy(model: keras.Sequential, precision: str) -> keras.Sequential:
    """Copy the network with its weights, to compute in `precision`."""
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"

    def convert(layer: keras.layers.Layer) -> keras.layers.Layer:
        dtype = "float32" if layer.name in FLOAT32 else policy
        return type(layer).from_config(layer.get_config() | {"dtype": dtype})

    copy = keras.models.clone_model(model, clone_function=convert)
    copy.set_weights(model.get_weights())
    return copy


def _follow(model: keras.Sequential, network: keras.Sequential, decay: Any) -> None:
    """Move every weight of `model`, including batch-norm statistics, towards `network`'s."""
    for mean, weight in zip(model.weights, network.weights, strict=True):
        mean.assign(weight.value + decay * (mean.value - weight.value))


def _decay(step: Any, highest: float) -> Any:
    """Start low, so that the average soon forgets the random initial weights."""
    done = tf.cast(step, tf.float32)
    return tf.minimum(highest, (1 + done) / (10 + done))


def _loss(labels: Any, params: StepParams, logits: Any) -> Any:
    """Return the share of a shard in the mean cross-entropy of its batch, in nats."""
    if not params.label_smoothing:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    else:
        smoothing = params.label_smoothing
        count = logits.shape[-1]
        targets = tf.one_hot(labels, count) * (1 - smoothing) + smoothing / count
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_sum(losses) / params.batch_size
