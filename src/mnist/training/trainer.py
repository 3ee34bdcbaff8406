"""A step of training, many in one call: its images handed over, all the state in one place."""

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
from mnist.training import augment, forward, optimizer, shards, wire
from mnist.training.forward import Pass
from mnist.training.team import ALONE, Team

FLOAT32 = ("scale", "logits")  # layers that never compute in bfloat16


class Trainer(NamedTuple):
    """What runs steps, and all their state beside the number of the step."""

    run_steps: Callable[[int, NDArray[np.int32]], NDArray[np.float32]]
    # first step, rows of its data [S, batch] -> losses [S]
    variables: list[Any]  # tf.Variable: weights, moments, and the weights' mean


def build(
    model: keras.Sequential,
    train: Examples,
    params: StepParams,
    distortion: AugmentParams,
    team: Team = ALONE,
) -> Trainer:
    """Compile the step. What is trained is `model`, or a twin of it that `model` follows."""
    twin = params.average > 0 or params.precision != "float32"
    network = _twin(model, params.precision) if twin else model
    weights = network.trainable_variables
    adam = optimizer.build(params, weights)
    shards.fix_order()

    def run_step(step: Any, images: Any, labels: Any) -> Any:
        seed = [params.seed, step]
        drawn = (
            images,
            labels,
            augment.draw(params.batch_size, images.shape[1:3], seed, distortion),
            forward.draw_kept(network, params.batch_size, seed),
        )
        cut = list(zip(*(shards.split(d, params.shards) for d in drawn), strict=True))
        mine = forward.back(network, [run_shard(*own) for own in team.own(cut)], params.batch_size)
        parts = wire.exchange(mine, params, team)
        adam.apply(forward.gradients(network, parts), weights)
        forward.move_moments(network, parts)
        return shards.total([one.loss for one in parts])

    def run_shard(images: Any, labels: Any, transforms: Any, kept: Any) -> Pass:
        pixels = augment.distort(tf.cast(images, tf.float32), transforms)
        return forward.run(network, pixels, kept, partial(_loss, labels, params))

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
        if twin and not params.average:
            _follow(model, network, 0.0)
        return losses.stack()

    state = [*network.weights, *adam.variables, *(model.weights if twin else [])]
    return Trainer(partial(_feed, run_call, train), [variable.value for variable in state])


def _feed(
    run_call: Callable[[Any, Any, Any], Any],
    train: Examples,
    first_step: int,
    rows: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Run steps with the images that they ask for, as many in a call as may be held at once."""
    most = max(images.BLOCK_BYTES // (rows.shape[1] * images.bytes_per_image(train.images)), 1)
    losses = []
    for start in range(0, len(rows), most):
        part = rows[start : start + most]
        pixels = train.images[part.ravel()].reshape(*part.shape, *train.images.shape[1:])
        numbers = train.labels[part].astype(np.int32)
        losses.append(run_call(first_step + start, pixels, numbers).numpy())
    return np.concatenate(losses)


def _twin(model: keras.Sequential, precision: str) -> keras.Sequential:
    """Copy the network, its weights too, to compute in `precision`."""
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"

    def convert(layer: keras.layers.Layer) -> keras.layers.Layer:
        dtype = "float32" if layer.name in FLOAT32 else policy
        return type(layer).from_config(layer.get_config() | {"dtype": dtype})

    twin = keras.models.clone_model(model, clone_function=convert)
    twin.set_weights(model.get_weights())
    return twin


def _follow(model: keras.Sequential, network: keras.Sequential, decay: Any) -> None:
    """Move every weight of `model`, batch-norm statistics too, towards `network`'s."""
    for mean, weight in zip(model.weights, network.weights, strict=True):
        mean.assign(weight.value + decay * (mean.value - weight.value))


def _decay(step: Any, highest: float) -> Any:
    """Start low, so that the mean soon forgets the random weights of the start."""
    done = tf.cast(step, tf.float32)
    return tf.minimum(highest, (1 + done) / (10 + done))


def _loss(labels: Any, params: StepParams, logits: Any) -> Any:
    """Return the part that some images have in their batch's mean cross-entropy, in nats."""
    if not params.label_smoothing:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    else:
        smoothing = params.label_smoothing
        count = logits.shape[-1]
        wanted = tf.one_hot(labels, count) * (1 - smoothing) + smoothing / count
        losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
    return tf.reduce_sum(losses) / params.batch_size
