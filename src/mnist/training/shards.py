"""The shards of a batch, computed in parallel: only their number changes the bytes of a result.

Each shard is a fixed slice of the batch, and each of its operations runs on one thread. The number
of threads or processes changes only the time. Sums over shards are taken in one binary tree,
neighbours first, so that a worker with half of the shards can add up half of the tree.
"""

from typing import Any

import tensorflow as tf


def sizes(rows: int, shards: int) -> list[int]:
    """Divide `rows` into shards; the first ones have one row more if they differ."""
    return [rows // shards + (shard < rows % shards) for shard in range(shards)]


def split(values: Any, shards: int) -> list[Any]:
    """Slice a tensor along its first axis; None stays None in each shard."""
    if values is None:
        return [None] * shards
    return list(tf.split(values, sizes(values.shape[0], shards)))


def tree_sum(values: list[Any]) -> Any:
    """Add up a power of two of tensors, in a binary tree.

    TensorFlow's arithmetic optimizer would turn it into a sum from left to right: see `fix_order`.
    """
    while len(values) > 1:
        values = [left + right for left, right in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def fix_order() -> None:
    """Make TensorFlow compute every sum in one order, the one in the code."""
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
