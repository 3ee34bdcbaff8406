"""Exchange the workers' contributions to a step, packed into one vector per worker.

The vector does not hold the gradient of a dense layer's weights, 13 MB in the tutorial's network,
but its two factors: the layer's inputs and output gradients for each image. Every worker computes
the product of the whole batch, so its bytes are those of a single worker.
"""

from typing import Any

import tensorflow as tf

from mnist.params.train import StepParams
from mnist.training import shards
from mnist.training.propagation import Contribution
from mnist.training.worker import Worker


def all_gather(local: Contribution, params: StepParams, worker: Worker) -> list[Contribution]:
    """Return the contributions of all workers, by rank."""
    if worker.count == 1:
        return [local]
    sizes = shards.sizes(params.batch_size, params.shards)
    shard_count = params.shards // worker.count
    rows = [sum(sizes[i : i + shard_count]) for i in range(0, params.shards, shard_count)]
    missing = max(rows) - rows[worker.rank]
    padded = _map_dense(lambda values: tf.pad(values, [[0, missing], [0, 0]]), local)
    flat = [tf.reshape(tf.cast(v, tf.float32), [-1]) for v in tf.nest.flatten(padded)]
    table = worker.gather(tf.concat(flat, axis=0))
    return [_unpack(table[rank], padded, rows[rank]) for rank in range(worker.count)]


def _unpack(vector: Any, like: Contribution, rows: int) -> Contribution:
    leaves = tf.nest.flatten(like)
    values = tf.split(vector, [leaf.shape.num_elements() for leaf in leaves])
    shaped = [
        tf.cast(tf.reshape(value, leaf.shape), leaf.dtype)
        for value, leaf in zip(values, leaves, strict=True)
    ]
    return _map_dense(lambda values: values[:rows], tf.nest.pack_sequence_as(like, shaped))


def _map_dense(change: Any, contribution: Contribution) -> Contribution:
    return contribution._replace(dense=tf.nest.map_structure(change, contribution.dense))
