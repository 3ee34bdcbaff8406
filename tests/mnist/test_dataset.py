"""The split is stratified and seeded; saving is byte-stable; row 35: hostile npz files."""

import hashlib
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist.arrays import archive, dataset
from mnist.arrays.dataset import Examples
from mnist.arrays.split import split
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.task import Task

LABELS = np.random.Generator(np.random.PCG64(0)).integers(0, 10, 6000, np.uint16)
NUMBERS = np.arange(6000, dtype=np.uint32).view(np.uint8).reshape(6000, 4)
IMAGES = np.zeros((6000, 28, 28, 1), np.uint8)
IMAGES[:, 0, :4, 0] = NUMBERS
DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")
EXAMPLES = Examples(IMAGES, LABELS, DIGITS)
TWELFTH = PreprocessParams(
    size=(28, 28), colour="grey", fit="stretch", validation_one_in=12, seed=1
)


def test_every_class_gives_its_share_and_no_example_is_lost() -> None:
    train, validation = split(EXAMPLES, TWELFTH)
    assert (len(train.labels), len(validation.labels)) == (5500, 500)
    shares = np.bincount(validation.labels) - np.bincount(LABELS) / 12
    assert np.abs(shares).max() < 1
    both = np.concatenate([train.images, validation.images])
    assert len(np.unique(both[:, 0, :4, 0], axis=0)) == 6000


def test_the_seed_decides_the_split() -> None:
    again, other = (TWELFTH.model_copy(update={"seed": seed}) for seed in (1, 2))
    first = split(EXAMPLES, TWELFTH)[1].images
    assert np.array_equal(first, split(EXAMPLES, again)[1].images)
    assert not np.array_equal(first, split(EXAMPLES, other)[1].images)


@pytest.mark.fault(16)
def test_a_validation_set_that_has_not_one_of_each_class_is_refused() -> None:
    message = (
        r"preprocess\.validation_one_in: expected at most 600, so that the 6000 training images "
        "leave one of each class for validation, found 601"
    )
    with pytest.raises(UserError, match=message):
        split(EXAMPLES, TWELFTH.model_copy(update={"validation_one_in": 601}))
    most = TWELFTH.model_copy(update={"validation_one_in": 600})
    assert len(split(EXAMPLES, most)[1].labels) == 10


def test_the_same_examples_are_the_same_bytes_and_load_again(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        dataset.save(EXAMPLES, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = dataset.load(tmp_path / "a.npz")
    assert np.array_equal(loaded.images, IMAGES)
    assert np.array_equal(loaded.labels, LABELS)


def test_the_bytes_do_not_depend_on_the_version_of_python(tmp_path: Path) -> None:
    """Python 3.11.2 and 3.11.7 wrote other headers for the archives of `numpy.savez`."""
    dataset.save(Examples(IMAGES[:3], LABELS[:3], DIGITS), tmp_path / "a.npz")
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "72d6bed4ac1487ce22e4d69273897a67d33188e3ac59d56e4630d495720ed285"


def npy(shape: str, *, kind: str = "|u1", values: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + f"{header}\n".encode() + values


def members(path: Path) -> dict[str, bytes]:
    dataset.save(Examples(IMAGES[:3], LABELS[:3], DIGITS), path)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def task_of(text: str) -> dict[str, bytes]:
    return {"task.json": text.encode()}


@pytest.mark.fault(35)
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"other.npy": b""}, "found the members images.npy, labels.npy, other.npy, task.json"),
        ({"images.npy": array(IMAGES[:3].astype(float))}, "found float64 3 x 28"),
        ({"images.npy": array(IMAGES[1:3])}, "found 2 x 28 x 28 x 1 and 3"),
        ({"images.npy": array(np.array([{}]))}, "found object 1"),
        ({"images.npy": array(np.uint8(1))}, "found a single value and 3"),
        ({"images.npy": array(np.asfortranarray(IMAGES[:3]))}, "found an array of the kind"),
        ({"images.npy": array(np.zeros((3, 7, 28, 1), np.uint8))}, "images of 7 x 28 x 1"),
        ({"images.npy": array(np.zeros((3, 28, 28, 2), np.uint8))}, "images of 28 x 28 x 2"),
        ({"labels.npy": array(LABELS[:3].astype(np.uint8))}, "found uint8 3"),
        ({"labels.npy": array(LABELS[:0])}, "found 3 x 28 x 28 x 1 and 0"),
        ({"images.npy": array(IMAGES[:0]), "labels.npy": array(LABELS[:0])}, "found no image"),
        ({"labels.npy": array(np.array([1, 77, 2], np.uint16))}, "the label 77 at index 1"),
        (task_of("[" * 9000), "task.json of many levels"),
        (task_of(" " * 2_000_000), "task.json of 2000000 bytes"),
        (task_of("[]"), "classes that are no list of names"),
        (task_of('{"classes": [1, 2], "photo": "ink"}'), "classes that are no list of names"),
        (task_of('{"classes": ["a"], "photo": "ink"}'), "1 classes"),
        (task_of('{"classes": ["a", "a"], "photo": "ink"}'), "two classes of one name"),
        (task_of('{"classes": ["a", "\\n"], "photo": "ink"}'), "a class called"),
        (task_of('{"classes": ["a", "b"], "photo": "hologram"}'), "photo 'hologram'"),
    ],
)
def test_what_is_no_set_of_examples_is_refused(
    tmp_path: Path, changed: dict[str, bytes], message: str
) -> None:
    archive.write(members(tmp_path / "a.npz") | changed, tmp_path / "x.npz")
    with pytest.raises(UserError, match=rf"x\.npz: expected uint8 .*{message}"):
        dataset.load(tmp_path / "x.npz")


@pytest.mark.fault(35)
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (npy("(99999999999, 28, 28, 1)"), "99999999999 x 28 x 28 x 1 values claimed and 0 bytes"),
        (npy("(1, 28, 28, 1)", values=bytes(783)), "values claimed and 783 bytes there"),
        (npy("(1, 28, 28, 1)", values=bytes(785)), "values claimed and 785 bytes there"),
        (npy("(1,", values=bytes(785)), "an array of the kind"),  # a TokenError, to numpy
        (npy("(" * 9000, values=bytes(785)), "an array of the kind"),  # a MemoryError
        (npy("(" + "9" * 9000 + ",)"), "an array of the kind"),
        (npy("(1,)", kind="|V1000000000"), "an array of the kind"),
        (npy("(1,)", kind="xx"), "the type 'xx' 1"),
        (npy("(1,)")[:9], "an array of the kind"),
        (b"", "b'' where an array starts"),
    ],
)
def test_an_array_of_any_size_or_header_is_refused_before_memory_is_taken(
    tmp_path: Path, images: bytes, message: str
) -> None:
    archive.write(members(tmp_path / "a.npz") | {"images.npy": images}, tmp_path / "x.npz")
    with pytest.raises(UserError, match=f"x.npz: expected uint8 .*, found .*{message}"):
        dataset.load(tmp_path / "x.npz")


@pytest.mark.fault(35)
def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 not a zip")
    with pytest.raises(UserError, match=r"x\.npz: expected uint8 .*, found File is not a zip file"):
        dataset.load(tmp_path / "x.npz")
    with pytest.raises(UserError, match=r"y\.npz: no such file; run `make repro`"):
        dataset.load(tmp_path / "y.npz")
    with zipfile.ZipFile(tmp_path / "z.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in dataset.MEMBERS:
            packed.writestr(name, bytes(10**6))
    with pytest.raises(UserError, match=r"found images\.npy compressed, of any size"):
        dataset.load(tmp_path / "z.npz")
