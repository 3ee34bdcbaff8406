"""The training loop, a hundred steps per call.

All randomness derives from (seed, epoch) or (seed, step), so a run resumes from a step number.
"""

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from mnist.arrays.dataset import Examples
from mnist.errors import UserError
from mnist.network.model import Predictor, predictor
from mnist.params.augment import AugmentParams
from mnist.params.train import STEPS_A_CALL, TrainParams
from mnist.training import checkpoint, trainer
from mnist.training.checkpoint import Checkpoint
from mnist.training.worker import SINGLE_WORKER, Worker


class Point(NamedTuple):
    """A row of the learning curve; `train_*`: of the current batch, without dropout."""

    step: int
    train_loss: float
    train_accuracy: float
    validation_accuracy: float


def fit(  # noqa: PLR0913  # a training has as many inputs
    model: keras.Sequential,
    train: Examples,
    validation: Examples,
    params: TrainParams,
    distortion: AugmentParams,
    *,
    worker: Worker = SINGLE_WORKER,
) -> list[Point]:
    """Train the network in place; return its learning curve, including the last step.

    Resumes from the last checkpoint in the folder that STAGE_CHECKPOINTS names, if any, to the same
    result, bit for bit. Raises UserError if the device is missing, a batch is larger than the data
    set, or the loss is no longer finite.
    """
    _require_device(params)
    params.require_batch(len(train.labels))
    run_steps, variables = trainer.build(model, train, params, distortion, worker)
    predict = predictor(model)

    def batch(step: int) -> Examples:
        rows = order(len(train.labels), step, 1, params)[0]
        return train._replace(images=train.images[rows], labels=train.labels[rows])

    def point(step: int, measured: tuple[float, float]) -> Point:
        return Point(step, *measured, _measure(predict, validation)[1])

    checkpoints = checkpoint.folder() if worker.rank == 0 else None
    first, curve = _resume(variables, checkpoints, worker)
    with _progress_bar(params, first) as bar:
        for step in range(first, params.steps, STEPS_A_CALL):
            measured = _measure(predict, batch(step))
            bar.write(f"step {step}, training accuracy {measured[1]:.4g}", file=sys.stdout)
            if step % params.validate_every == 0:
                curve.append(point(step, measured))
            rows = order(len(train.labels), step, min(STEPS_A_CALL, params.steps - step), params)
            _require_finite(step, run_steps(step, rows))
            bar.update(rows.size)
            done = step + len(rows)
            if checkpoints and (done % params.checkpoint_every == 0 or done == params.steps):
                arrays = [variable.numpy() for variable in variables]
                checkpoint.save(Checkpoint(done, arrays, [list(row) for row in curve]), checkpoints)
    curve.append(point(params.steps, _measure(predict, batch(params.steps))))
    _require_finite(params.steps, np.array([curve[-1].train_loss]))  # after the last update
    return curve


def order(
    examples: int, first_step: int, steps: int, params: TrainParams
) -> NDArray[np.int32]:  # [steps, batch_size]
    """Return the rows of the examples in each step: one permutation per epoch, end to end.

    The permutation of an epoch comes from `PCG64([seed, epoch])`, so the batch of a step does not
    depend on earlier steps. A batch may contain the end of one epoch and the start of the next.
    """
    first = first_step * params.batch_size
    positions = np.arange(first, first + steps * params.batch_size)
    epochs, offsets = np.divmod(positions, examples)
    rows = np.empty(len(positions), np.int32)
    for epoch in range(epochs[0], epochs[-1] + 1):
        permutation = _permutation(params.seed, int(epoch), examples)
        rows[epochs == epoch] = permutation[offsets[epochs == epoch]]
    return rows.reshape(steps, params.batch_size)


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, examples: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(examples)


def _resume(
    variables: list[Any], checkpoints: Path | None, worker: Worker
) -> tuple[int, list[Point]]:
    """Restore the variables; return the steps done and the curve so far.

    All workers resume from the checkpoint that worker 0 finds.
    """
    last = checkpoint.load(checkpoints) if checkpoints else None
    last = last or Checkpoint(0, [variable.numpy() for variable in variables], [])
    step, rows = map(int, worker.broadcast(np.array([last.step, len(last.curve)])))
    curve = np.array(last.curve or np.zeros((rows, len(Point._fields))))
    for variable, array in zip(variables, last.arrays, strict=True):
        variable.assign(worker.broadcast(array))
    if step:
        print(f"resumed at step {step}", flush=True)
    return step, [Point(int(number), *row) for number, *row in worker.broadcast(curve).tolist()]


def _measure(predict: Predictor, examples: Examples) -> tuple[float, float]:
    """Return the mean cross-entropy, in nats, and the accuracy."""
    probabilities = predict(examples.images)
    of_label = probabilities[np.arange(len(examples.labels)), examples.labels].astype(np.float64)
    loss = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny)).mean()
    right = probabilities.argmax(axis=1) == examples.labels
    return float(loss), float(right.mean())


def _progress_bar(params: TrainParams, first_step: int) -> Any:
    return tqdm(
        initial=first_step * params.batch_size,
        total=params.steps * params.batch_size,
        unit=" images",
        unit_scale=True,
        mininterval=0.1 if sys.stderr.isatty() else 10,  # seconds: a log file stays readable
    )


def _require_device(params: TrainParams) -> None:
    if params.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            "params.yaml: train.device: expected a GPU, found none that TensorFlow can use; "
            "write auto, or see GPUs in the README"
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
