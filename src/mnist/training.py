"""`TrainParams`, and the loop: a hundred steps in one call, the data resident, nothing hidden.

All randomness derives from (seed, epoch) or (seed, step): where a run stands is one number.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import Field, field_validator
from tqdm import tqdm

from mnist.dataset import Examples
from mnist.errors import UserError
from mnist.model import Predictor, logits, predictor
from mnist.optimizer import FusedAdam
from mnist.processor import ProcessorParams

STEPS_A_CALL = 100


class TrainParams(ProcessorParams, extra="forbid"):
    """Section `train`."""

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    validate_every: int  # steps, a multiple of 100: a row of the curve
    seed: int = Field(ge=0, lt=2**31)

    @field_validator("validate_every")
    @classmethod
    def _in_whole_calls(cls, steps: int) -> int:
        if steps < 1 or steps % STEPS_A_CALL:
            raise ValueError(f"expected a multiple of {STEPS_A_CALL}, found {steps}")
        return steps


class Point(NamedTuple):
    """A row of the learning curve; `train_*`: of the batch at hand, dropout off."""

    step: int
    train_loss: float
    train_accuracy: float
    validation_accuracy: float


def fit(
    model: keras.Sequential, train: Examples, validation: Examples, params: TrainParams
) -> list[Point]:
    """Train the network in place; return its learning curve, the last step included.

    Raises UserError when the device asked for is not there, a batch is larger than the data set, or
    the loss is no longer finite.
    """
    _require_device(params)
    _require_batch(len(train.labels), params)
    tf.config.experimental.enable_op_determinism()
    run_steps, measure = _compile(model, train, params)
    predict = predictor(model)

    def point(step: int) -> Point:
        loss, accuracy = measure(order(len(train.labels), step, 1, params)[0])
        return Point(step, float(loss), float(accuracy), _accuracy(predict, validation))

    curve = []
    with _progress_bar(params) as bar:
        for step in range(0, params.steps, STEPS_A_CALL):
            rows = order(len(train.labels), step, min(STEPS_A_CALL, params.steps - step), params)
            accuracy = float(measure(rows[0])[1])
            bar.write(f"step {step}, training accuracy {accuracy:.4g}", file=sys.stdout)
            if step % params.validate_every == 0:
                curve.append(point(step))
            _require_finite(step, run_steps(step, rows).numpy())
            bar.update(rows.size)
    return [*curve, point(params.steps)]


def order(
    examples: int, first_step: int, steps: int, params: TrainParams
) -> NDArray[np.int32]:  # [steps, batch_size]
    """Return which examples each step sees: every epoch a permutation of its own, end to end.

    The permutation of an epoch is that of `PCG64([seed, epoch])`, so any step's batch is known
    without the steps before it. A batch may take the end of one epoch and the start of the next.
    """
    first = first_step * params.batch_size
    positions = np.arange(first, first + steps * params.batch_size)
    epochs, places = np.divmod(positions, examples)
    rows = np.empty(len(positions), np.int32)
    for epoch in range(epochs[0], epochs[-1] + 1):
        generator = np.random.Generator(np.random.PCG64([params.seed, epoch]))
        rows[epochs == epoch] = generator.permutation(examples)[places[epochs == epoch]]
    return rows.reshape(steps, params.batch_size)


def _compile(
    model: keras.Sequential, train: Examples, params: TrainParams
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return what runs a block of steps (their losses), and what measures a batch.

    A measurement is (loss, accuracy), dropout off.
    """
    images, labels = tf.constant(train.images), tf.constant(train.labels, tf.int32)
    weights = model.trainable_variables
    optimizer = FusedAdam(params.learning_rate)
    optimizer.build(weights)

    def batch(rows: Any) -> tuple[Any, Any]:
        return tf.cast(tf.gather(images, rows), tf.float32), tf.gather(labels, rows)

    def loss_of(outputs: Any, digits: Any) -> Any:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(digits, outputs))

    @tf.function(
        input_signature=[
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((None, params.batch_size), tf.int32),
        ]
    )
    def run_steps(first_step: Any, rows: Any) -> Any:
        losses = tf.TensorArray(tf.float32, tf.shape(rows)[0])
        for i in tf.range(tf.shape(rows)[0]):
            pixels, digits = batch(rows[i])
            with tf.GradientTape() as tape:
                loss = loss_of(logits(model, pixels, [params.seed, first_step + i]), digits)
            optimizer.apply(tape.gradient(loss, weights), weights)
            losses = losses.write(i, loss)
        return losses.stack()

    @tf.function(input_signature=[tf.TensorSpec((params.batch_size,), tf.int32)])
    def measure(rows: Any) -> Any:
        pixels, digits = batch(rows)
        probabilities = model(pixels, training=False)
        right = tf.equal(tf.argmax(probabilities, 1, tf.int32), digits)
        loss = tf.keras.losses.sparse_categorical_crossentropy(digits, probabilities)
        return tf.reduce_mean(loss), tf.reduce_mean(tf.cast(right, tf.float32))

    return run_steps, measure


def _accuracy(predict: Predictor, examples: Examples) -> float:
    return float(np.mean(predict(examples.images).argmax(axis=1) == examples.labels))


def _progress_bar(params: TrainParams) -> Any:
    return tqdm(
        total=params.steps * params.batch_size,
        unit=" images",
        unit_scale=True,
        mininterval=0.1 if sys.stderr.isatty() else 10,  # seconds: a log file stays readable
    )


def _require_device(params: TrainParams) -> None:
    if params.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            "params.yaml: train.device: expected a GPU, found none that TensorFlow can use; "
            "write auto, or see the README on GPUs"
        )


def _require_batch(examples: int, params: TrainParams) -> None:
    if params.batch_size > examples:
        raise UserError(
            f"params.yaml: train.batch_size: expected at most the {examples} training images, "
            f"found {params.batch_size}"
        )


def _require_finite(first_step: int, losses: NDArray[np.float32]) -> None:
    if not np.isfinite(losses).all():
        step = first_step + int(np.argmin(np.isfinite(losses)))
        raise UserError(
            f"train: the loss of step {step} is {losses[step - first_step]}; "
            "lower train.learning_rate"
        )


def summarize(
    model: keras.Sequential, train: Examples, validation: Examples, curve: list[Point]
) -> dict[str, Any]:
    """Summarise a training in numbers that every run with these inputs repeats."""
    return {
        "validation_accuracy": round(curve[-1].validation_accuracy, 6),
        "train_images": len(train.labels),
        "validation_images": len(validation.labels),
        "parameters": model.count_params(),
        "steps": curve[-1].step,
    }
