"""What goes round between the workers in a step, packed into one vector.

Not the gradient of a dense layer's weights, 13 MB in the tutorial's network, but what it is the
product of: what went into the layer and what came back, of each image. Each worker computes the
product of the whole batch; so the bytes are those of one worker.
"""

from typing import Any

import tensorflow as tf

from mnist.params.train import StepParams
from mnist.training import shards
from mnist.training.forward import Parts
from mnist.training.team import Team


def exchange(mine: Parts, params: StepParams, team: Team) -> list[Parts]:
    """Return the parts of all workers, by rank."""
    if team.count == 1:
        return [mine]
    sizes = shards.sizes(params.batch_size, params.shards)
    each = params.shards // team.count
    rows = [sum(sizes[i : i + each]) for i in range(0, params.shards, each)]
    missing = max(rows) - rows[team.rank]
    padded = _dense(lambda values: tf.pad(values, [[0, missing], [0, 0]]), mine)
    flat = [tf.reshape(tf.cast(v, tf.float32), [-1]) for v in tf.nest.flatten(padded)]
    table = team.gather(tf.concat(flat, axis=0))
    return [_unpack(table[rank], padded, rows[rank]) for rank in range(team.count)]


def _unpack(vector: Any, like: Parts, rows: int) -> Parts:
    leaves = tf.nest.flatten(like)
    values = tf.split(vector, [leaf.shape.num_elements() for leaf in leaves])
    shaped = [
        tf.cast(tf.reshape(value, leaf.shape), leaf.dtype)
        for value, leaf in zip(values, leaves, strict=True)
    ]
    return _dense(lambda values: values[:rows], tf.nest.pack_sequence_as(like, shaped))


def _dense(change: Any, parts: Parts) -> Parts:
    return parts._replace(dense=tf.nest.map_structure(change, parts.dense))
