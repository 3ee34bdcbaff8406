"""A spec holds all that is known of a data set before the download; each error is one line."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mnist import document
from mnist.errors import UserError
from mnist.source import dataset_spec

DATASETS = Path(__file__).parents[2] / "datasets"
GOOD: dict[str, Any] = document.load(DATASETS / "mnist.yaml")
FILE: dict[str, Any] = GOOD["files"][0]
ARCHIVE = {"name": "x.zip", "length": 9, "sha256": "0" * 64, "folder": "x"}


@pytest.mark.fault(79)
@pytest.mark.parametrize("path", sorted(DATASETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_spec_is_complete_and_survives_the_fetch(path: Path, tmp_path: Path) -> None:
    spec = dataset_spec.read(path.stem, DATASETS)
    for file in spec.files:
        (tmp_path / file.name).touch()
    dataset_spec.save(spec, tmp_path)
    digests = [file.sha256 or hashlib.sha256().hexdigest() for file in spec.files]
    files = tuple(
        file.model_copy(update={"sha256": digest, "packed_sha256": None})
        for file, digest in zip(spec.files, digests, strict=True)
    )
    kept = {"name": "card", "mirrors": (), "folders": (), "files": files, "archive": None}
    assert dataset_spec.read("card", tmp_path) == spec.model_copy(update=kept)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "idx3"}, "format: expected 'idx', 'images' or 'cifar', found the text 'idx3'"),
        ({"licence": ""}, "licence: expected "),
        ({"classes": ["0"]}, "classes: 1 classes"),
        ({"classes": ["0", "0"]}, "classes: two classes of one name"),
        ({"classes": ["0", 1]}, "classes.1: expected a text, found 1"),
        ({"classes": "digits"}, "classes: expected a list, found the text 'digits'"),
        (
            {"files": []},
            "files: expected one each of train images, train labels, test images, ",
        ),
        ({"files": [FILE, FILE]}, "test labels, found train images, train images"),
        ({"files": [FILE | {"name": "../x"}]}, "files.0.name: expected a text of the form "),
        ({"files": [FILE | {"sha256": "x"}]}, "files.0.sha256: expected a text of the form "),
        ({"files": [FILE | {"length": 0}]}, "files.0.length: expected greater than or equal to 1"),
        (
            {"files": [{k: v for k, v in file.items() if k != "sha256"} for file in GOOD["files"]]},
            "files: train-images-idx3-ubyte: expected sha256, or packed_sha256, or an archive",
        ),
        ({"archive": ARCHIVE | {"name": "x.rar"}}, "archive.name: expected a text of the form "),
        ({"archive": ARCHIVE | {"sha256": "x"}}, "archive.sha256: expected a text of the form "),
        ({"first_label": -1}, "first_label: expected greater than or equal to 0, found -1"),
        (
            {"label_column": "class"},
            "label_column: expected a whole number, found the text 'class'",
        ),
        ({"transposed": 1}, "transposed: expected true or false, found 1"),
        ({"color": "grey"}, "color: unknown key; known are name, title, source, licence, "),
    ],
)
def test_a_malformed_spec_is_one_line_with_the_key_and_what_is_expected(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    YAML(typ="safe").dump(GOOD | changed, tmp_path / "mine.yaml")
    with pytest.raises(UserError) as caught:
        dataset_spec.read("mine", tmp_path)
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'mine.yaml'}: ")
    assert message in line


def test_a_missing_key_and_invalid_yaml_are_reported(tmp_path: Path) -> None:
    YAML(typ="safe").dump({key: GOOD[key] for key in GOOD if key != "mirrors"}, tmp_path / "a.yaml")
    with pytest.raises(UserError, match=r"a\.yaml: mirrors: the key is missing; add it"):
        dataset_spec.read("a", tmp_path)
    (tmp_path / "b.yaml").write_text("[")
    with pytest.raises(UserError, match=r"b\.yaml: expected plain YAML, found"):
        dataset_spec.read("b", tmp_path)
    (tmp_path / "c.yaml").write_text("- 1")
    with pytest.raises(UserError, match=r"c\.yaml: expected `key: value`, found list"):
        dataset_spec.read("c", tmp_path)
