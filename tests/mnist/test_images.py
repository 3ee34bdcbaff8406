"""Images that stay where they are: the same bytes, some at a time, in bounded memory."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import short_training
from mnist.arrays import archive, caching, dataset, images
from mnist.arrays.dataset import Examples
from mnist.arrays.images import LazyImages
from mnist.errors import UserError
from mnist.task import Task

PIXELS = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (40, 9, 8, 3), np.uint8)
TASK = Task((9, 8, 3), ("a", "b"), "pad")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pixels"
    path.write_bytes(b"header" + PIXELS.tobytes())
    return path


@pytest.mark.parametrize(
    "rows", [[3], [3, 4, 5, 9, 10, 2], [7, 7, 7], [39, 0, 1, 39], list(range(40)), []]
)
def test_rows_are_read_from_a_file_in_the_order_that_is_asked_for(
    file: Path, rows: list[int]
) -> None:
    there = images.from_file(file, 6, PIXELS.shape)
    wanted = np.array(rows, np.int32)
    assert np.array_equal(there[wanted], PIXELS[wanted])


def test_slices_choices_and_blocks_are_what_an_array_gives(file: Path) -> None:
    there = images.from_file(file, 6, PIXELS.shape)
    assert np.array_equal(there[5:12], PIXELS[5:12])
    assert np.array_equal(there[35:99], PIXELS[35:])
    rows = np.array([1, 5, 6, 30])
    some = images.subset(there, rows)
    assert (some.shape, len(some)) == ((4, 9, 8, 3), 4)
    assert np.array_equal(some[1:3], PIXELS[[5, 6]])
    assert np.array_equal(np.concatenate(list(images.blocks(some))), PIXELS[rows])
    assert np.array_equal(there, PIXELS)


@pytest.mark.fault(83)
def test_a_file_that_became_shorter_is_a_line_and_no_signal(file: Path) -> None:
    there = images.from_file(file, 6, PIXELS.shape)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match="pixels: expected 8646 bytes or more, found 8645"):
        there[38:]


def test_a_member_that_is_streamed_is_the_same_bytes_as_a_whole_one(tmp_path: Path) -> None:
    content = PIXELS.tobytes()
    chunks = (content[start : start + 1000] for start in range(0, len(content), 1000))
    archive.write({"b": b"1", "a": content}, tmp_path / "whole.zip")
    stream = archive.Stream(len(content), chunks)
    archive.write({"b": b"1", "a": stream}, tmp_path / "streamed.zip")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in (("a", content), ("b", b"1")):
            file.writestr(zipfile.ZipInfo(name, archive.EARLIEST_DATE), data)
    assert (tmp_path / "streamed.zip").read_bytes() == buffer.getvalue()
    assert (tmp_path / "whole.zip").read_bytes() == buffer.getvalue()


@pytest.mark.fault(83)
def test_an_archive_that_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"before")

    def spoilt(rows: images.Rows) -> NDArray[np.uint8]:
        raise UserError(f"b/{rows[0]}.png: expected an image")

    broken = Examples(LazyImages(spoilt, (3, 9, 8, 3)), np.zeros(3, np.uint16), TASK)
    with pytest.raises(UserError, match=r"b/0\.png"):
        dataset.save(broken, path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.npz"]
    assert path.read_bytes() == b"before"


def test_a_damaged_pixel_is_found_before_any_is_used(tmp_path: Path) -> None:
    dataset.save(Examples(PIXELS, np.zeros(40, np.uint16), TASK), tmp_path / "a.npz")
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[5000] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"found Bad CRC-32 for file 'images\.npy'"):
        dataset.load(tmp_path / "a.npz")


def test_the_bytes_of_the_archive_are_those_of_before_it_was_streamed(tmp_path: Path) -> None:
    rows = np.arange(0, 40, 3)
    some = Examples(images.subset(PIXELS, rows), np.ones(len(rows), np.uint16), TASK)
    dataset.save(some, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as loaded:
        assert np.array_equal(loaded["images"], PIXELS[rows])
        assert loaded["labels"].tolist() == [1] * len(rows)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, PIXELS[rows], allow_pickle=False)
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        assert file.read("images.npy") == buffer.getvalue()


def test_images_are_resident_where_they_fit_and_streamed_where_they_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = []
    for name, count in (("train", 200), ("validation", 50)):
        dataset.save(short_training.digits(count), tmp_path / f"{name}.npz")
        sets.append(dataset.load(tmp_path / f"{name}.npz"))
    caching.cache(sets, 250 * 784)
    assert capsys.readouterr().out == "images: 0.196 MB of 0.196 MB: resident\n"
    resident = caching.cache(sets, 2 * 10**9)
    streamed = caching.cache(sets, 250 * 784 - 1)
    assert capsys.readouterr().out.splitlines() == [
        "images: 0.196 MB of 2 GB: resident",
        "images: 0.196 MB of 0.196 MB: streamed",
    ]
    assert all(isinstance(one.images, np.ndarray) for one in resident)
    assert not any(isinstance(one.images, np.ndarray) for one in streamed)
    digests = {
        hashlib.sha256(b"".join(one.images[:].tobytes() for one in those)).hexdigest()
        for those in (resident, streamed)
    }
    assert len(digests) == 1
