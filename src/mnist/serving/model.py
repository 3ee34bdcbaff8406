"""The model that is served, and the facts about it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist.arrays import dataset
from mnist.errors import UserError
from mnist.machine import processor
from mnist.serving.batching import Predict
from mnist.serving.nearest_neighbours import Neighbours
from mnist.task import Task, words

EVALUATION = Path("metrics/evaluation.json")
ENVIRONMENT = Path("metrics/environment.json")
TEST = Path("data/prepared/test.npz")
MEASURED = ("accuracy", "accuracy_low", "accuracy_high", "images", "errors", "log_loss")


class Served(NamedTuple):
    """A model, loaded once; another file needs a restart."""

    predict: Predict
    task: Task
    facts: dict[str, Any]  # what GET /model answers
    neighbours: Neighbours | None  # None without the prepared test set


def load(path: Path) -> Served:
    """Load a model as `make predict` does, and run it once. Raises UserError."""
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import

    network, task, temperature = model.load(path)
    predict = model.predictor(network)
    predict(np.zeros((1, *task.shape), np.uint8))  # compiles it before the first request
    neighbours = _neighbours(task)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    facts = {
        "name": network.name,
        "md5": md5,
        **words(task),
        "shape": list(task.shape),
        "temperature": temperature,
        "weights": network.count_params(),
        "test": _measured(md5),
        "neighbours": len(neighbours.labels) if neighbours else 0,
    }
    return Served(predict, task, facts, neighbours)


def _neighbours(task: Task) -> Neighbours | None:
    """Read the prepared test set, if there is one for this task; it is optional."""
    try:
        examples = dataset.load(TEST)
    except UserError:
        return None
    return Neighbours.of(examples) if examples.task == task else None


def _measured(md5: str) -> dict[str, Any] | None:
    """Return what `evaluate` measured, if it measured this model."""
    trained = _read(ENVIRONMENT).get("of")
    if not isinstance(trained, dict) or md5 not in trained.values():
        return None
    evaluation = _read(EVALUATION)
    return {key: evaluation.get(key) for key in MEASURED}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
