"""The split is stratified and seeded; saving is byte-stable; row 35: hostile npz files."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from mnist.arrays import archive, dataset
from mnist.arrays.dataset import Examples
from mnist.arrays.split import split
from mnist.errors import UserError
from mnist.params.preprocess import SplitParams

LABELS = np.random.Generator(np.random.PCG64(0)).integers(0, 10, 6000, np.uint8)
NUMBERS = np.arange(6000, dtype=np.uint32).view(np.uint8).reshape(6000, 4)
IMAGES = np.zeros((6000, 28, 28, 1), np.uint8)
IMAGES[:, 0, :4, 0] = NUMBERS
EXAMPLES = Examples(IMAGES, LABELS)
TWELFTH = SplitParams(validation_one_in=12, seed=1)


def test_every_class_gives_its_share_and_no_example_is_lost() -> None:
    train, validation = split(EXAMPLES, TWELFTH)
    assert (len(train.labels), len(validation.labels)) == (5500, 500)
    shares = np.bincount(validation.labels) - np.bincount(LABELS) / 12
    assert np.abs(shares).max() < 1
    both = np.concatenate([train.images, validation.images])
    assert len(np.unique(both[:, 0, :4, 0], axis=0)) == 6000


def test_the_seed_decides_the_split() -> None:
    again, other = (SplitParams(validation_one_in=12, seed=seed) for seed in (1, 2))
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
        split(EXAMPLES, SplitParams(validation_one_in=601, seed=1))
    assert len(split(EXAMPLES, SplitParams(validation_one_in=600, seed=1))[1].labels) == 10


def test_the_same_examples_are_the_same_bytes_and_load_again(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        dataset.save(EXAMPLES, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = dataset.load(tmp_path / "a.npz")
    assert np.array_equal(loaded.images, IMAGES)
    assert np.array_equal(loaded.labels, LABELS)


def test_the_bytes_do_not_depend_on_the_version_of_python(tmp_path: Path) -> None:
    """Python 3.11.2 and 3.11.7 wrote other headers for the archives of `numpy.savez`."""
    dataset.save(Examples(IMAGES[:3], LABELS[:3]), tmp_path / "a.npz")
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "cdb358289691d0f497dc427062b0db0deee8df090c9cd6c7d2e6b24ddb78c63e"


def npy(shape: str, *, kind: str = "|u1", values: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + f"{header}\n".encode() + values


@pytest.mark.fault(35)
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"images": IMAGES},
            "expected uint8 `images` .* and `labels` .*, found the members images",
        ),
        (
            {"images": IMAGES.astype(float), "labels": LABELS},
            "expected uint8 .*, found float64 6000",
        ),
        ({"images": IMAGES[1:], "labels": LABELS}, "found 5999 x 28 x 28 x 1 and 6000"),
        ({"images": np.array([{}]), "labels": LABELS}, "found object 1"),
        ({"images": np.uint8(1), "labels": LABELS}, "found a single value and 6000"),
        ({"images": IMAGES[:9], "labels": LABELS[:0]}, "found 9 x 28 x 28 x 1 and 0"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "expected at least one image, found none"),
        (
            {"images": IMAGES[:3], "labels": np.array([1, 77, 2], np.uint8)},
            "expected labels 0 to 9, found 77 at index 1",
        ),
        ({"images": np.asfortranarray(IMAGES[:3]), "labels": LABELS}, "found an array of the kind"),
    ],
)
def test_other_arrays_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "x.npz", allow_pickle=True, **arrays)
    with pytest.raises(UserError, match=message):
        dataset.load(tmp_path / "x.npz")


@pytest.mark.fault(35)
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (npy("(99999999999, 28, 28, 1)"), "99999999999 x 28 x 28 x 1 values claimed and 0 there"),
        (npy("(1, 28, 28, 1)", values=bytes(783)), "values claimed and 783 there"),
        (npy("(1, 28, 28, 1)", values=bytes(785)), "values claimed and 785 there"),
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
    archive.write(
        {"images.npy": images, "labels.npy": npy("(1,)", values=b"1")}, tmp_path / "x.npz"
    )
    with pytest.raises(UserError, match=f"x.npz: expected uint8 .*, found .*{message}"):
        dataset.load(tmp_path / "x.npz")


@pytest.mark.fault(35)
def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 not a zip")
    with pytest.raises(UserError, match=r"x\.npz: expected uint8 .*, found File is not a zip file"):
        dataset.load(tmp_path / "x.npz")
    with pytest.raises(UserError, match=r"y\.npz: no such file; run `dvc repro`"):
        dataset.load(tmp_path / "y.npz")
    np.savez_compressed(tmp_path / "z.npz", images=np.zeros((10**5, 28, 28, 1), np.uint8), labels=1)
    with pytest.raises(UserError, match=r"found images\.npy compressed, of any size"):
        dataset.load(tmp_path / "z.npz")
