"""What a revision says of its model: metrics, predictions, curve, params, lock, environment."""

import io
import json
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist import locked
from mnist.errors import UserError
from mnist.metrics import Predictions
from mnist.revision import Revision

SPREAD = "metrics/spread.json"
Curve = dict[str, NDArray[np.float64]]  # column -> [points]


class Record(NamedTuple):
    """The small files of one revision, read."""

    name: str
    evaluation: dict[str, Any]
    summary: dict[str, Any]  # of the training
    environment: dict[str, Any]
    predictions: Predictions
    curve: Curve
    params: dict[str, Any]
    stages: locked.Stages  # of dvc.lock
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
        outs = (out for stage in self.stages.values() for out in stage.get("outs", []))
        return next((str(out["md5"]) for out in outs if out["path"] == path), None)


def read(revision: Revision) -> Record:
    """Read what a revision holds. Raises UserError for what is missing or malformed."""
    spread = revision.read(SPREAD)
    return Record(
        name=revision.name,
        evaluation=_json(revision, "metrics/evaluation.json", "log_loss"),
        summary=_json(revision, "metrics/train.json", "validation_accuracy", "validation_images"),
        environment=_json(revision, "metrics/environment.json"),
        predictions=_predictions(revision, "metrics/predictions.csv"),
        curve=_table(revision, "metrics/curve.csv", "step", "validation_accuracy"),
        params=locked.params(revision),
        stages=locked.stages(revision, "dvc.lock"),
        packages=_packages(revision.require("requirements.lock").decode()),
        spread=_json(revision, SPREAD, "params_digest", "sd", "n") if spread else None,
    )


def _json(revision: Revision, path: str, *keys: str) -> dict[str, Any]:
    try:
        found = dict(json.loads(revision.require(path)))
    except (ValueError, TypeError) as error:
        raise UserError(f"{revision.name}: {path}: expected JSON, found {error}") from None
    for key in keys:
        if key not in found:
            raise UserError(f"{revision.name}: {path}: expected a key {key!r}, found none")
    return found


def _table(revision: Revision, path: str, *columns: str) -> Curve:
    header, _, body = revision.require(path).decode().partition("\n")
    try:
        rows = np.loadtxt(io.StringIO(body), delimiter=",", ndmin=2)
        table = dict(zip(header.strip().split(","), rows.T, strict=True))
    except ValueError as error:
        raise UserError(
            f"{revision.name}: {path}: expected a table of numbers, found {error}"
        ) from None
    for column in columns:
        if column not in table:
            raise UserError(f"{revision.name}: {path}: expected a column {column!r}, found none")
    return table


def _predictions(revision: Revision, path: str) -> Predictions:
    table = _table(revision, path, *Predictions._fields)
    actual, predicted, probability = (table[name] for name in Predictions._fields)
    return Predictions(actual.astype(np.int64), predicted.astype(np.int64), probability)


def _packages(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))
