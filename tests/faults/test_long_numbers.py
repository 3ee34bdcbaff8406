"""A number of thousands of digits is named as that, not in Python's words for programmers."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from starlette.exceptions import HTTPException

from dvcproject import params as parameters
from dvcproject.errors import ProjectError
from dvcproject.revision import Revision
from mnist import gate
from mnist.arrays import dataset
from mnist.errors import UserError as MnistError
from mnist.serving import body
from mnist.training import checkpoint
from review.record import packages, readings
from review.record.table import Table
from sealed.engines.container import image

LONG = "9" * 5000
JSON = f'{{"a": {LONG}}}'


def revision(path: Path, text: str) -> Revision:
    """Return a revision in which every file holds a text."""
    path.write_text(text)
    return Revision("HEAD", lambda _: path.open("rb"))


def judge(folder: Path) -> None:
    (folder / "evaluation.json").write_text(JSON)
    gate.accuracy(folder / "evaluation.json")


def load_parameters(suffix: str, text: str) -> Callable[[Path], None]:
    def load(folder: Path) -> None:
        path = folder / f"params.{suffix}"
        path.write_text(text)
        parameters.load(path, path.name)

    return load


def declare_image(folder: Path) -> None:
    (folder / "sealed.toml").write_text(f"a = {LONG}")
    image.declared(folder)


READERS: dict[str, Callable[[Path], object]] = {
    "gate": judge,
    "endpoint": lambda _: body._json(JSON.encode()),
    "metrics": lambda folder: readings.mapping(revision(folder / "m", JSON), "metrics.json"),
    "table": lambda folder: Table(revision(folder / "t", f"[{JSON}]"), "table.json"),
    "lock": lambda folder: packages.read(revision(folder / "l", f"a = {LONG}"), "uv.lock"),
    "params in JSON": load_parameters("json", JSON),
    "params in TOML": load_parameters("toml", f"a = {LONG}"),
    "params in YAML": load_parameters("yaml", f"a: {LONG}"),
    "sealed.toml": declare_image,
}


@pytest.mark.fault(149)
@pytest.mark.parametrize("reader", READERS)
def test_a_long_number_is_named_as_that(tmp_path: Path, reader: str) -> None:
    with pytest.raises((MnistError, ProjectError, HTTPException)) as refused:
        READERS[reader](tmp_path)
    found = getattr(refused.value, "detail", str(refused.value))
    assert "a whole number of more than 4300 characters" in found
    assert "set_int_max_str_digits" not in found


@pytest.mark.fault(149)
def test_a_data_set_with_a_long_number_is_told(tmp_path: Path) -> None:
    path = tmp_path / "train.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in (
            ("images", np.zeros((1, 8, 8, 1), np.uint8)),
            ("labels", np.zeros(1, np.uint16)),
        ):
            content = BytesIO()
            np.save(content, values)
            archive.writestr(f"{name}.npy", content.getvalue())
        archive.writestr("task.json", JSON)
    with pytest.raises(
        MnistError, match="found a whole number of more than 4300 characters; delete"
    ):
        dataset.load(path)


@pytest.mark.fault(149)
def test_a_checkpoint_with_a_long_number_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "step-00000001"
    folder.mkdir()
    (folder / checkpoint.MANIFEST).write_text(JSON)
    assert checkpoint.load(tmp_path) is None
    line = "warning: checkpoint step-00000001 is passed over: a whole number of more than 4300 ch"
    assert capsys.readouterr().err.startswith(line)
