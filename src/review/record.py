"""What a revision says of its model: metrics, predictions, curve, params, lock, environment."""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from review import pipeline, readings
from review.errors import UserError
from review.pipeline import Recorded
from review.quoting import printable
from review.readings import Range, Table
from review.revision import Revision

EVALUATION = "metrics/evaluation.json"
SUMMARY = "metrics/train.json"
PREDICTIONS = "metrics/predictions.csv"
CURVE = "metrics/curve.csv"
SPREAD = "metrics/spread.json"
NUMBERS = {
    EVALUATION: {"log_loss": Range(0)},
    SUMMARY: {
        "validation_accuracy": Range(0, 1),
        "validation_images": Range(1, whole=True),
    },
    SPREAD: {"sd": Range(0, 1), "n": Range(2, whole=True)},
}
CLASS = Range(0, 999, whole=True)
COLUMNS = {
    PREDICTIONS: {"actual": CLASS, "predicted": CLASS, "probability": Range(0, 1)},
    CURVE: {"step": Range(0, whole=True), "validation_accuracy": Range(0, 1)},
}
DECIMALS = 6  # of the accuracies in EVALUATION


class Predictions(NamedTuple):
    """One row an image of the test set, in its order."""

    actual: NDArray[np.int64]  # [N]
    predicted: NDArray[np.int64]  # [N]
    probability: NDArray[np.float64]  # [N], of the predicted class


class Record(NamedTuple):
    """The small files of one revision, read; what a base may lack is empty there."""

    name: str
    evaluation: dict[str, Any]
    summary: dict[str, Any]  # of the training
    environment: dict[str, Any]
    predictions: Predictions
    curve: Table
    params: dict[str, Any]
    stages: dict[str, Recorded]  # of dvc.lock
    packages: dict[str, str]  # name -> version, of requirements.lock
    spread: dict[str, Any] | None  # how far seeds alone move the accuracy, where on record

    @property
    def right(self) -> int:
        """Count the test images that the model reads right."""
        return int((self.predictions.actual == self.predictions.predicted).sum())

    @property
    def images(self) -> int:
        """Count the test images."""
        return len(self.predictions.actual)

    def md5(self, path: str) -> str | None:
        """Return the digest that dvc.lock records of an out."""
        return next(
            (stage.outs[path] for stage in self.stages.values() if path in stage.outs), None
        )


def read(revision: Revision, *, whole: bool) -> Record:
    """Read what a revision holds; `whole`: all of it must be there.

    Raises UserError for what is malformed, and, of a whole one, for what is missing.
    """
    has_lock = whole or all(revision.read(path) for path in ("dvc.yaml", "dvc.lock"))
    lock = _require(revision, "requirements.lock", whole) or b""
    return Record(
        name=revision.name,
        evaluation=_numbers(revision, EVALUATION, whole) or {},
        summary=_numbers(revision, SUMMARY, whole) or {},
        environment=_mapping(revision, "metrics/environment.json", whole) or {},
        predictions=_predictions(revision, whole),
        curve=_table(revision, CURVE, whole) or {},
        params=_params(revision, whole),
        stages=pipeline.recorded(revision) if has_lock else {},
        packages=_packages(lock.decode(errors="replace")),
        spread=_spread(revision),
    )


def _require(revision: Revision, path: str, whole: bool) -> bytes | None:
    return revision.require(path) if whole else revision.read(path)


def _mapping(revision: Revision, path: str, whole: bool) -> dict[str, Any] | None:
    _require(revision, path, whole)
    return readings.mapping(revision, path)


def _numbers(revision: Revision, path: str, whole: bool) -> dict[str, Any] | None:
    found = _mapping(revision, path, whole)
    if found is not None:
        check = readings.require if whole else readings.check
        check(found, NUMBERS[path], f"{revision.name}: {path}")
    return found


def _table(revision: Revision, path: str, whole: bool) -> Table | None:
    _require(revision, path, whole)
    return readings.table(revision, path, COLUMNS[path])


def _predictions(revision: Revision, whole: bool) -> Predictions:
    """Read the predictions, no rows where there is no such file."""
    found = _table(revision, PREDICTIONS, whole) or dict.fromkeys(COLUMNS[PREDICTIONS], np.empty(0))
    order = found.get("index")
    if order is not None and not np.array_equal(order, np.arange(len(order))):
        raise UserError(f"{revision.name}: {PREDICTIONS}: index: expected 0, 1, 2 and so on")
    actual, predicted, probability = (found[name] for name in Predictions._fields)
    return Predictions(actual.astype(np.int64), predicted.astype(np.int64), probability)


def _params(revision: Revision, whole: bool) -> dict[str, Any]:
    return pipeline.params(revision) if _require(revision, pipeline.PARAMS, whole) else {}


def _packages(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))


def _spread(revision: Revision) -> dict[str, Any] | None:
    found = readings.mapping(revision, SPREAD)
    if found is not None:
        readings.require(found, NUMBERS[SPREAD], f"{revision.name}: {SPREAD}")
        if not isinstance(found.get("params_digest"), str):
            raise UserError(f"{revision.name}: {SPREAD}: params_digest: expected a text")
    return found


def contradictions(revision: Revision) -> list[str]:
    """List what EVALUATION says of the test set that PREDICTIONS does not; none without both."""
    evaluation = readings.mapping(revision, EVALUATION)
    predictions = _predictions(revision, whole=False)
    if not evaluation or not len(predictions.actual):
        return []
    counted = pipeline.flatten(_count(predictions))
    said = pipeline.flatten(
        {key: evaluation[key] for key in _count(predictions) if key in evaluation}
    )
    return [
        f"{EVALUATION}: {key}: {printable(said[key])}, {counted.get(key)} in {PREDICTIONS}"
        for key in said
        if not _agree(said[key], counted.get(key))
    ]


def _count(predictions: Predictions) -> dict[str, Any]:
    actual, right = predictions.actual, predictions.actual == predictions.predicted
    return {
        "accuracy": round(float(right.mean()), DECIMALS),
        "errors": int((~right).sum()),
        "images": len(right),
        "accuracy_of_class": {
            str(label): round(float(right[actual == label].mean()), DECIMALS)
            for label in np.unique(actual)
        },
    }


def _agree(said: Any, counted: Any) -> bool:
    if isinstance(said, bool) or not isinstance(said, int | float) or counted is None:
        return False
    return bool(abs(said - counted) <= 10**-DECIMALS)
