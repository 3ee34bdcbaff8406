"""Keras' own loop over tf.data: keras_fit.py FOLDER STEPS_PER_EXECUTION."""

import sys
import time
from typing import Any

import keras
import tensorflow as tf

from turns import BATCH, CHUNK, accuracy, load, ready, report, wait


class Turns(keras.callbacks.Callback):  # type: ignore[misc]  # keras carries no types
    """An epoch is a turn; the first one compiles."""

    start = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Wait for the turn."""
        if epoch and not wait(lambda: accuracy(self.model)):
            self.model.stop_training = True
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Say that the turn is over."""
        if epoch == 0:
            ready()
        elif not self.model.stop_training:
            report(time.perf_counter() - self.start)


def main() -> None:
    """Build the tutorial's network the way Keras' own examples do, then fit."""
    images, labels = load()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-4),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=int(sys.argv[2]),
    )
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels)).repeat()
    batches = batches.batch(BATCH).prefetch(tf.data.AUTOTUNE)
    model.fit(batches, epochs=10**6, steps_per_epoch=CHUNK, verbose=0, callbacks=[Turns()])


if __name__ == "__main__":
    main()
