"""What a clone that has not trained yet lacks is said in a line, with the command that makes it."""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist.arrays import dataset
from mnist.arrays.dataset import Examples
from mnist.errors import UserError
from mnist.machine import processor
from mnist.task import Task

DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")
SHAPES = Task((32, 32, 3), ("circle", "square", "triangle"), "pad")


def start(module: str, folder: Path, patch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run a command in a folder; it must not come as far as to start TensorFlow."""

    def prepare(**_: Any) -> None:
        raise AssertionError("TensorFlow was started")

    patch.chdir(folder)
    patch.setattr(sys, "argv", [module, *arguments])
    patch.setattr(processor, "prepare", prepare)
    importlib.import_module(module).main()


@pytest.mark.fault(154)
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("mnist.predict", ["7.png"]),
        ("mnist.serving.__main__", ["--port=0"]),
        ("mnist.export.__main__", ["litert"]),
    ],
)
def test_without_a_model_a_command_says_at_once_what_makes_it(
    module: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (90, 90), 250).save(tmp_path / "7.png")
    with pytest.raises(UserError, match=r"^models/model.keras: no such file; run `make repro`$"):
        start(module, tmp_path, monkeypatch, *arguments)


@pytest.mark.fault(154)
def test_an_export_without_a_test_set_says_at_once_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/model.keras").touch()
    message = r"^data/prepared/test.npz: no such file; run `make repro`$"
    with pytest.raises(UserError, match=message):
        start("mnist.export.__main__", tmp_path, monkeypatch, "litert")


@pytest.mark.fault(155)
@pytest.mark.parametrize("other", [SHAPES, DIGITS._replace(classes=tuple("abcdefghij"))])
def test_a_test_set_that_is_not_the_model_s_is_refused(other: Task) -> None:
    examples = Examples(np.zeros((2, *other.shape), np.uint8), np.zeros(2, np.uint16), other)
    found = {SHAPES: "32 x 32 x 3 in 3 classes (circle, square, triangle ...)"}.get(
        other, "28 x 28 x 1 in 10 classes (a, b, c ...)"
    )
    with pytest.raises(UserError) as refused:
        dataset.require_task(examples, DIGITS, Path("test.npz"), Path("m.keras"))
    assert str(refused.value) == (
        "test.npz: expected the images that m.keras is for, 28 x 28 x 1 in 10 classes "
        f"(0, 1, 2 ...); found {found}; run `make repro`"
    )
    dataset.require_task(examples, other._replace(photo="crop"), Path("x"), Path("y"))
