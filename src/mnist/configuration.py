"""Check all of params.yaml before a stage runs, in a moment and without data.

`python -m mnist.configuration`
"""

from pathlib import Path
from typing import Any

from mnist.errors import UserError, run
from mnist.machine import memory
from mnist.params.augment import AugmentParams
from mnist.params.evaluate import EvaluateParams
from mnist.params.fetch import FetchParams
from mnist.params.file import PARAMS, load, pick
from mnist.params.gate import GateParams
from mnist.params.model import ModelParams
from mnist.params.preprocess import PreprocessParams
from mnist.params.train import TrainParams
from mnist.schema import Schema, combined
from mnist.source import dataset_spec
from mnist.task import Task

SECTIONS: dict[str, type[Schema]] = {
    "fetch": FetchParams,
    "preprocess": PreprocessParams,
    "model": ModelParams,
    "augment": AugmentParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
    "gate": GateParams,
}


def check(path: Path = PARAMS, folder: Path = dataset_spec.DATASETS) -> None:
    """Raise UserError, with one line per error, unless every section is valid and known."""
    sections = load(path)
    params: dict[str, Any] = {}
    errors = [
        f"{path}: {name!s:.80}: unknown section; known are {', '.join(SECTIONS)}"
        for name in sections
        if name not in SECTIONS
    ]
    for section, kind in SECTIONS.items():
        try:
            params[section] = pick(sections, section, kind, path)
        except UserError as error:
            errors += str(error).splitlines()
    if errors:
        raise combined(errors)
    _require_consistent(folder, **params)


def _require_consistent(
    folder: Path,
    fetch: FetchParams,
    preprocess: PreprocessParams,
    model: ModelParams,
    train: TrainParams,
    **_: Schema,
) -> None:
    """Raise UserError if the data set is unknown, or does not fit its split or its network."""
    spec = dataset_spec.read(fetch.dataset, folder)
    images = spec.training_images
    train.require_batch(images - preprocess.held_out(images, len(spec.classes)))
    shape = preprocess.shape
    task = Task(shape, spec.classes, spec.prepared(shape, preprocess.fit))
    model.require(task)
    memory.require(model, train, task)


if __name__ == "__main__":
    run(check)
