"""All sections of params.yaml, judged together before a stage runs."""

from pathlib import Path

from mnist.errors import UserError
from mnist.params import PARAMS, Params, load, pick, told
from mnist.params.augment import AugmentParams
from mnist.params.evaluate import EvaluateParams
from mnist.params.fetch import FetchParams
from mnist.params.gate import GateParams
from mnist.params.model import ModelParams
from mnist.params.preprocess import SplitParams
from mnist.params.train import TrainParams

SECTIONS: dict[str, type[Params]] = {
    "fetch": FetchParams,
    "preprocess": SplitParams,
    "model": ModelParams,
    "augment": AugmentParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
    "gate": GateParams,
}


def check(path: Path = PARAMS) -> None:
    """Raise UserError, a line a mistake, unless every section is right and none is unknown."""
    sections = load(path)
    mistakes = [
        f"{path}: {name!s:.80}: unknown section; known are {', '.join(SECTIONS)}"
        for name in sections
        if name not in SECTIONS
    ]
    for section, kind in SECTIONS.items():
        try:
            pick(sections, section, kind, path)
        except UserError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        raise told(mistakes)
