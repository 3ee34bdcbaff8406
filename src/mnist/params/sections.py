"""All sections of params.yaml, judged together before a stage runs."""

from pathlib import Path
from typing import Any

from mnist.errors import UserError
from mnist.machine import memory
from mnist.params import PARAMS, Params, load, pick, told
from mnist.params.augment import AugmentParams
from mnist.params.evaluate import EvaluateParams
from mnist.params.fetch import FetchParams
from mnist.params.gate import GateParams
from mnist.params.model import ModelParams
from mnist.params.preprocess import PreprocessParams
from mnist.params.train import TrainParams
from mnist.source import card
from mnist.task import Task

SECTIONS: dict[str, type[Params]] = {
    "fetch": FetchParams,
    "preprocess": PreprocessParams,
    "model": ModelParams,
    "augment": AugmentParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
    "gate": GateParams,
}


def check(path: Path = PARAMS, cards: Path = card.CARDS) -> None:
    """Raise UserError, a line a mistake, unless every section is right and none is unknown."""
    sections = load(path)
    found: dict[str, Any] = {}
    mistakes = [
        f"{path}: {name!s:.80}: unknown section; known are {', '.join(SECTIONS)}"
        for name in sections
        if name not in SECTIONS
    ]
    for section, kind in SECTIONS.items():
        try:
            found[section] = pick(sections, section, kind, path)
        except UserError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        raise told(mistakes)
    _fit(cards, **found)


def _fit(
    cards: Path,
    fetch: FetchParams,
    preprocess: PreprocessParams,
    model: ModelParams,
    train: TrainParams,
    **_: Params,
) -> None:
    """Raise UserError where the data set is not known, or does not fit its split or network."""
    chosen = card.read(fetch.dataset, cards)
    images = chosen.training_images
    train.require_batch(images - preprocess.held_out(images, len(chosen.classes)))
    shape = preprocess.shape
    task = Task(shape, chosen.classes, chosen.prepared(shape, preprocess.fit))
    model.require(task)
    memory.require(model, train, task)
