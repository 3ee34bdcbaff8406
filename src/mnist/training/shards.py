"""A batch in shards, computed side by side: the bytes depend on their number and nothing else.

Each shard is a fixed slice of the batch, and each of its operations runs on one thread; how many
threads or processes share the shards out changes the time alone. Sums over shards are taken in one
binary tree, neighbours first, so that whoever holds half of the shards can add up half of the tree.
"""

from typing import Any

import tensorflow as tf


def sizes(rows: int, shards: int) -> list[int]:
    """Share `rows` out, the first shards one larger where it does not come out even."""
    return [rows // shards + (shard < rows % shards) for shard in range(shards)]


def split(values: Any, shards: int) -> list[Any]:
    """Slice a tensor along its first axis; None, for nothing, stays None in each shard."""
    if values is None:
        return [None] * shards
    return list(tf.split(values, sizes(values.shape[0], shards)))


def total(values: list[Any]) -> Any:
    """Add up a power of two of tensors, in a tree.

    TensorFlow's arithmetic optimizer would make one sum from left to right of it: see `fix_order`.
    """
    while len(values) > 1:
        values = [left + right for left, right in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def fix_order() -> None:
    """Keep TensorFlow to one order of every sum, and to the one that is written."""
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
