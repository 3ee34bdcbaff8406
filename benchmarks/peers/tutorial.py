"""The tutorial's program, written anew: a session, a feed_dict a step. `relu`: its slip, kept.

The program also shows the accuracy of every hundredth batch, dropout off; so does this.
"""

import sys
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from turns import BATCH, CHUNK, serve


def network(images: Any, keep: Any, *, relu_on_logits: bool) -> Any:
    """Pixels [N, 784] -> logits [N, 10]."""

    def weight(*shape: int) -> Any:
        return tf.Variable(tf.truncated_normal(shape, stddev=0.1))

    def bias(length: int) -> Any:
        return tf.Variable(tf.constant(0.1, shape=[length]))

    def convolution(values: Any, channels: int, filters: int) -> Any:
        values = tf.nn.conv2d(values, weight(5, 5, channels, filters), [1, 1, 1, 1], "SAME")
        return tf.nn.max_pool(tf.nn.relu(values + bias(filters)), 2, 2, "SAME")

    values = convolution(tf.reshape(images, [-1, 28, 28, 1]), 1, 32)
    values = tf.reshape(convolution(values, 32, 64), [-1, 7 * 7 * 64])
    values = tf.nn.relu(values @ weight(7 * 7 * 64, 1024) + bias(1024))
    values = tf.nn.dropout(values, rate=1 - keep) @ weight(1024, 10) + bias(10)
    return tf.nn.relu(values) if relu_on_logits else values


def main() -> None:
    """Build the graph, then take turns."""
    tf.disable_eager_execution()
    with np.load(sys.argv[1]) as data:
        pixels = data["images"].reshape(-1, 784).astype(np.float32) / 255
        labels = np.eye(10, dtype=np.float32)[data["labels"]]
    images, wanted = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.float32, [None, 10])
    keep = tf.placeholder(tf.float32)
    logits = network(images, keep, relu_on_logits="relu" in sys.argv)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(wanted, logits))
    train = tf.train.AdamOptimizer(1e-4).minimize(loss)
    right = tf.equal(tf.argmax(logits, 1), tf.argmax(wanted, 1))
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    generator = np.random.default_rng(1)

    def run() -> None:
        for step in range(CHUNK):
            rows = generator.integers(0, len(pixels), BATCH)
            batch = {images: pixels[rows], wanted: labels[rows]}
            if step == 0:
                session.run(accuracy, batch | {keep: 1.0})
            session.run(train, batch | {keep: 0.5})

    serve(run)


if __name__ == "__main__":
    main()
