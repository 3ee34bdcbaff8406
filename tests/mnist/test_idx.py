"""Rows 12 to 15 of the faults: IDX is read strictly."""

import os
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlxtend.data import loadlocal_mnist

from mnist.arrays import raw
from mnist.errors import UserError
from mnist.params.preprocess import PreprocessParams
from mnist.source import dataset_spec, idx

DATASETS = Path(__file__).parents[2] / "datasets"
AS_THEY_ARE = PreprocessParams(
    size=(28, 28), colour="grey", fit="stretch", validation_one_in=2, seed=1
)
DIGITS = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)


def test_what_is_serialized_is_parsed_again() -> None:
    assert np.array_equal(idx.parse(idx.serialize(DIGITS), dimensions=3, name="x"), DIGITS)


@pytest.mark.fault(12, 13, 14)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1" + idx.serialize(DIGITS)[1:], "x: expected IDX to start with 00 00, found 01 00"),
        (b"\0\0\x0d" + idx.serialize(DIGITS)[3:], "x: expected IDX type 8 .*, found 13"),
        (b"\0\0\x08\1" + idx.serialize(DIGITS)[4:], "x: expected 3 dimensions, found 1"),
        (b"\0\0\x08\3" + struct.pack(">3I", 2**32 - 1, 28, 28), "values after the header, found 0"),
        (idx.serialize(DIGITS)[:-1], "= 2352 values after the header, found 2351"),
        (idx.serialize(DIGITS) + b"\0", "= 2352 values after the header, found 2353"),
        (b"\0\0\x08", "x: expected an IDX header of 16 bytes, found 3"),
    ],
)
def test_malformed_content_is_refused_by_name(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        idx.parse(content, dimensions=3, name="x")


@pytest.mark.fault(12)
def test_an_optimised_python_refuses_as_well() -> None:
    code = "from mnist.source import idx; idx.parse(bytes(16), dimensions=3, name='x')"
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-O", "-c", code]
    result = subprocess.run(
        command, env=os.environ | path, capture_output=True, text=True, check=False
    )
    assert "x: expected IDX type 8 (unsigned byte), found 0" in result.stderr


def test_another_librarys_reader_reads_what_we_write(tmp_path: Path) -> None:
    """The reader of mlxtend of the published files: its own code, nothing of ours."""
    (tmp_path / "images").write_bytes(idx.serialize(DIGITS))
    (tmp_path / "labels").write_bytes(idx.serialize(np.array([3, 1, 4], np.uint8)))
    images, labels = loadlocal_mnist(str(tmp_path / "images"), str(tmp_path / "labels"))
    assert np.array_equal(images, DIGITS.reshape(3, 784))
    assert labels.tolist() == [3, 1, 4]


@given(st.binary(max_size=64))
def test_any_bytes_give_an_array_or_our_own_error(content: bytes) -> None:
    with suppress(UserError):
        assert idx.parse(content, dimensions=1, name="x").dtype == np.uint8


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (DIGITS, [1, 2], "t10k-labels-idx1-ubyte: expected 3 labels, found 2"),
        (DIGITS, [1, 10, 2], "labels of 10 classes, found the label 10 at index 1"),
        (DIGITS[:0], [], "expected labels of 10 classes, found no image"),
    ],
)
def test_images_and_labels_must_fit(
    tmp_path: Path, images: np.ndarray, labels: list[int], message: str
) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx.serialize(images))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx.serialize(np.array(labels, np.uint8)))
    with pytest.raises(UserError, match=message):
        raw.read(tmp_path, dataset_spec.read("mnist", DATASETS), "test", AS_THEY_ARE)


def test_images_of_another_size_are_made_to_fit(tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx.serialize(DIGITS[:, 1:]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx.serialize(np.zeros(3, np.uint8)))
    found = raw.read(tmp_path, dataset_spec.read("mnist", DATASETS), "test", AS_THEY_ARE)
    assert found.images.shape == (3, 28, 28, 1)
    assert found.images[:].any()
