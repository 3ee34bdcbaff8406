"""Data sets are read in the layouts in which they are published; a hostile archive is a line."""

import gzip
import json
import os
import random
import runpy
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from ruamel.yaml import YAML

import in_process
import layouts
from layouts import digest, taped, zipped
from mnist.arrays import dataset, published
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.source import archived, card, download, unpack
from mnist.source.card import Archive, File

PROJECT = Path(__file__).parents[2]
LAYOUTS = {
    made.__name__: made for made in (layouts.kmnist, layouts.qmnist, layouts.emnist, layouts.cifar)
}
SIDE = {"cifar": 32}


def run(stage: str, place: Path, mirror: Path) -> "subprocess.CompletedProcess[str]":
    main = runpy.run_path(str(PROJECT / f"stages/{stage}.py"))["main"]
    with patch.dict(os.environ, {"DATASET_MIRROR": str(mirror)}):
        return in_process.call(main, folder=place)


def publish(layout: str, place: Path) -> dict[str, Any]:
    """Lay out a data set, its card and the params; return the card."""
    published, facts = LAYOUTS[layout]()
    (place / "mirror/tiny").mkdir(parents=True)
    for name, content in published.items():
        (place / "mirror/tiny" / name).write_bytes(content)
    (place / "datasets").mkdir()
    YAML(typ="safe").dump(facts, place / "datasets/tiny.yaml")
    side, colour = SIDE.get(layout, 28), "rgb" if layout == "cifar" else "grey"
    asked: dict[str, Any] = {"size": [side, side], "colour": colour, "fit": "stretch"}
    asked |= {"validation_one_in": 4, "seed": 1}
    params = {"fetch": {"dataset": "tiny"}, "preprocess": asked}
    YAML(typ="safe").dump(params, place / "params.yaml")
    return facts


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_layout_goes_through_fetch_and_preprocess(layout: str, tmp_path: Path) -> None:
    facts = publish(layout, tmp_path)
    done = run("fetch", tmp_path, tmp_path / "mirror")
    assert done.returncode == 0, done.stderr
    raw = tmp_path / "data/raw"
    kept = json.loads((raw / "card.yaml").read_text(encoding="utf-8"))
    assert {path.name for path in raw.iterdir()} == {file["name"] for file in facts["files"]} | {
        "card.yaml"
    }
    assert "archive" not in kept
    for file in kept["files"]:
        assert file["sha256"] == digest((raw / file["name"]).read_bytes())

    done = run("preprocess", tmp_path, tmp_path / "mirror")
    assert done.returncode == 0, done.stderr
    side = SIDE.get(layout, 28)
    shape = (side, side, 3) if layout == "cifar" else (side, side)
    images, labels = layouts.drawn("test", shape)
    test = dataset.load(tmp_path / "data/prepared/test.npz")
    assert np.array_equal(test.images, images.reshape(len(images), side, side, -1))
    assert np.array_equal(test.labels, labels)
    assert len(dataset.load(tmp_path / "data/prepared/train.npz").labels) == 30


def test_unpacked_a_file_cannot_be_known_by_the_digest_of_the_packed_one(tmp_path: Path) -> None:
    publish("kmnist", tmp_path)
    for path in list((tmp_path / "mirror/tiny").iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    done = run("fetch", tmp_path, tmp_path / "mirror")
    assert done.returncode == 2
    assert (
        "the digest of train-images-idx3-ubyte.gz alone is known; put that one here" in done.stderr
    )


@pytest.mark.parametrize(
    ("layout", "changed", "message"),
    [
        ("emnist", {"first_label": 2}, "labels of 2 classes, from 2 on, found the label 1 at"),
        ("qmnist", {"label_column": 1}, "labels of 2 classes, found the label 2578 at index 0"),
        ("qmnist", {"label_column": 8}, "a label in column 8, found 8 columns"),
        ("kmnist", {"label_column": 0}, "IDX to start with 00 00 0c 02, found 00 00 08 01"),
        (
            "cifar",
            {"first_label": 1},
            "labels of 2 classes, from 1 on, found the label 0 at index 0",
        ),
    ],
)
def test_labels_that_are_not_as_the_card_says_are_told(
    layout: str, changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    facts = publish(layout, tmp_path) | changed
    YAML(typ="safe").dump(facts, tmp_path / "tiny.yaml")
    tiny, mirror = card.read("tiny", tmp_path), tmp_path / "mirror/tiny"
    if tiny.archive:
        archived.fetch(tiny.archive, tiny.files, [mirror], tmp_path)
    for file in tiny.files if not tiny.archive else ():
        download.fetch(file, [mirror], tmp_path)
    params = PreprocessParams(
        size=(28, 28), colour="grey", fit="stretch", validation_one_in=2, seed=1
    )
    with pytest.raises(UserError, match=f": expected {message}"):
        published.read(tmp_path, tiny, "test", params)


CONTENT = random.Random(1).randbytes(5000)
ONE = File(
    name="one.bin", split="test", holds="examples", images=1, length=5000, sha256=digest(CONTENT)
)
Make = Callable[[dict[str, bytes]], bytes]


def take(name: str, content: bytes, place: Path) -> bytes:
    """Fetch the archive from a folder, and take the one file out of it."""
    (place / "mirror").mkdir()
    (place / "mirror" / name).write_bytes(content)
    (place / "out").mkdir()
    facts = Archive(name=name, length=len(content), sha256=digest(content), folder="in")
    try:
        archived.fetch(facts, (ONE,), [place / "mirror"], place / "out")
    finally:
        left = {path.name for path in (place / "out").iterdir()}
        assert left <= {"one.bin"}
    assert left == {"one.bin"}
    return (place / "out/one.bin").read_bytes()


def locked(members: dict[str, bytes]) -> bytes:
    """Return a zip archive that says of its members that they are encrypted."""
    content = bytearray(zipped(members))
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    return bytes(content)


@pytest.mark.fault(82)
@pytest.mark.parametrize(("name", "make"), [("a.zip", zipped), ("a.tar.gz", taped)])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../../in/one.bin": CONTENT}, "expected one.bin in in/, found none"),
        ({"/in/one.bin": CONTENT}, "expected one.bin in in/, found none"),
        ({"in/one.bin/../../../x": CONTENT}, "expected one.bin in in/, found none"),
        ({"in/one.bin": bytes(10**8)}, "one.bin: expected 5000 bytes of content, found more"),
        ({"in/one.bin.gz": gzip.compress(bytes(10**8))}, "one.bin: expected 5000 bytes of content"),
        ({"in/one.bin": CONTENT[1:]}, "one.bin: expected 5000 bytes of content, found 4999"),
        ({"in/one.bin": CONTENT[::-1]}, "one.bin: expected SHA-256 "),
        ({"in/one.bin.gz": gzip.compress(CONTENT)[:-9]}, "one.bin: the gzip stream ends too early"),
        ({"in/one.bin.gz": CONTENT}, "one.bin: expected gzip, found "),
        ({}, "expected one.bin in in/, found none"),
    ],
)
def test_a_hostile_archive_ends_in_a_line_and_writes_nothing(
    name: str, make: Make, members: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        take(name, make(members), tmp_path)
    assert str(caught.value).startswith(f"fetch: {name}: {message}")
    assert len(str(caught.value).splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"mirror", "out"}


@pytest.mark.fault(82)
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", zipped({"in/one.bin": CONTENT})[:-30], "File is not a zip file"),
        ("a.zip", locked({"in/one.bin": CONTENT}), "File 'in/one.bin' is encrypted, password"),
        ("a.zip", b"no archive", "File is not a zip file"),
        ("a.tar.gz", taped({"in/one.bin": CONTENT})[:-30], "Compressed file ended before"),
        ("a.tar.gz", b"no archive", "Not a gzipped file"),
        ("a.tar.gz", gzip.compress(b"no archive"), "empty file|invalid header|truncated header"),
        ("a.tar.gz", gzip.compress(b"x" * 5000), "invalid header"),
    ],
)
def test_what_is_no_whole_archive_is_told(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match=f"^fetch: {name}: .*expected an archive.*, found .*({message})"
    ):
        take(name, content, tmp_path)


@pytest.mark.fault(82)
def test_a_link_in_an_archive_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected one\.bin in in/, found none"):
        take("a.tar.gz", taped({}, link="in/one.bin"), tmp_path)


@pytest.mark.fault(82)
def test_what_lies_beside_the_files_in_a_tar_archive_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "MOST_BESIDE", 100_000)
    bomb = taped({"in/beside.bin": bytes(10**8), "in/one.bin": CONTENT})
    with pytest.raises(UserError, match="found more in it than the card says"):
        take("a.tar.gz", bomb, tmp_path)


@pytest.mark.fault(82)
def test_an_archive_of_another_digest_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"in/one.bin": CONTENT}))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    length = (tmp_path / "a.zip").stat().st_size
    facts = Archive(name="a.zip", length=length, sha256="0" * 64, folder="in")
    with pytest.raises(UserError, match=r"no mirror has a\.zip:\n.*expected SHA-256 0{64}, found"):
        archived.fetch(facts, (ONE,), [tmp_path], tmp_path)


@pytest.mark.fault(82)
@pytest.mark.parametrize(("name", "make"), [("a.zip", zipped), ("a.tar.gz", taped)])
def test_a_changed_archive_gives_the_file_or_a_line(name: str, make: Make, tmp_path: Path) -> None:
    whole, chance = make({"in/x": b"beside", "in/one.bin": CONTENT}), random.Random(5)
    for number in range(150):
        content = bytearray(whole)
        edges = [chance.randrange(200), len(content) - 1 - chance.randrange(200)]
        for at in [chance.choice(edges), chance.randrange(len(content))]:
            content[at] = chance.randrange(256)
        place = tmp_path / str(number)
        place.mkdir()
        try:
            told = take(name, bytes(content), place).hex()
        except UserError as error:
            told = str(error)
            assert told.startswith(f"fetch: {name}: ")
        assert told == CONTENT.hex() or len(told.splitlines()) == 1
