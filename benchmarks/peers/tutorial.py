"""The tutorial's program, written anew: a session, a feed_dict a step. `relu`: its slip, kept.

The program also shows the accuracy of every hundredth batch, dropout off; so does this.
"""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from turns import BATCH, CHUNK, accuracy, load, serve


def network(images: Any, keep: Any, *, relu_on_logits: bool) -> Any:
    """Pixels [N, 784] -> logits [N, 10]."""

    def convolution(values: Any, channels: int, filters: int) -> Any:
        shape = (5, 5, channels, filters)
        weight = tf.Variable(tf.random.normal(shape, stddev=math.sqrt(2 / (5 * 5 * channels))))
        values = tf.nn.conv2d(values, weight, [1, 1, 1, 1], "SAME")
        values = tf.nn.relu(values + tf.Variable(tf.zeros(filters)))
        return tf.nn.max_pool(values, 2, 2, "SAME")

    def dense(values: Any, inputs: int, units: int) -> Any:
        weight = tf.Variable(tf.random.truncated_normal((inputs, units), stddev=0.1))
        return values @ weight + tf.Variable(tf.fill((units,), 0.1))

    values = convolution(tf.reshape(images, [-1, 28, 28, 1]), 1, 32)
    values = tf.reshape(convolution(values, 32, 64), [-1, 7 * 7 * 64])
    values = tf.nn.relu(dense(values, 7 * 7 * 64, 1024))
    values = dense(tf.nn.dropout(values, rate=1 - keep), 1024, 10)
    return tf.nn.relu(values) if relu_on_logits else values


def shuffled(examples: int) -> Iterator[Any]:
    """Yield the rows of one batch after the other, shuffled again every epoch."""
    generator = np.random.default_rng(1)
    while True:
        rows = generator.permutation(examples)
        yield from rows[: examples // BATCH * BATCH].reshape(-1, BATCH)


def main() -> None:
    """Build the graph, then take turns."""
    tf.disable_eager_execution()
    pixels, digits = load()
    pixels, labels = pixels.reshape(-1, 784), np.eye(10, dtype=np.float32)[digits]
    images, wanted = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.float32, [None, 10])
    keep = tf.placeholder(tf.float32)
    logits = network(images, keep, relu_on_logits="relu" in sys.argv)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(wanted, logits))
    train = tf.train.AdamOptimizer(1e-4).minimize(loss)
    right = tf.equal(tf.argmax(logits, 1), tf.argmax(wanted, 1))
    of_batch = tf.reduce_mean(tf.cast(right, tf.float32))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    order = shuffled(len(pixels))

    def run() -> None:
        for step in range(CHUNK):
            rows = next(order)
            batch = {images: pixels[rows], wanted: labels[rows]}
            if step == 0:
                session.run(of_batch, batch | {keep: 1.0})
            session.run(train, batch | {keep: 0.5})

    def predict(values: Any) -> Any:
        return session.run(logits, {images: values.reshape(-1, 784), keep: 1.0})

    serve(run, lambda: accuracy(predict))


if __name__ == "__main__":
    main()
