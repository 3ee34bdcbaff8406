"""Any bytes at all: an array or our own error from the readers, in bounded memory and time."""

import gzip
import hashlib
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import samples
from bounded import bounded
from mnist.arrays import archive, dataset
from mnist.errors import UserError
from mnist.source import download, idx, transfer
from mnist.source.card import File
from mnist.source.unpack import gunzip
from mnist.task import Task

INPUTS = samples.many(300)  # a test
CONTENT = random.Random(0).randbytes(20_000) + bytes(80_000)  # some that packs badly, some well
PACKED = gzip.compress(CONTENT, mtime=0)
FILE = File(
    name="digits",
    split="train",
    holds="labels",
    images=1,
    length=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)
IDX = idx.serialize(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))


@st.composite
def mutants(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw noise, or good bytes with a few changed, cut out, or put in."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 20))] = draw(st.binary(max_size=20))
    return bytes(content)


def unpack(packed: bytes, size: int) -> None:
    total = 0
    parts = (packed[i : i + size] for i in range(0, len(packed), size))
    try:
        for chunk in download.exactly(FILE, gunzip(parts)):
            assert len(chunk) <= transfer.CHUNK
            total += len(chunk)
    except (transfer.UnfitError, transfer.InterruptedTransferError):
        return
    finally:
        assert total <= FILE.length
    assert total == FILE.length


@pytest.mark.fault(6, 11)
@settings(max_examples=INPUTS)
@given(mutants(PACKED), st.integers(1, len(PACKED)))
def test_any_bytes_unpack_to_the_known_length_or_are_refused(packed: bytes, size: int) -> None:
    unpack(packed, size)


@pytest.mark.fault(6)
def test_what_packs_a_thousandfold_is_cut_off_at_the_known_length() -> None:
    bomb = gzip.compress(bytes(10**8))
    for size in (1, 7, len(bomb)):
        unpack(bomb, size)


@pytest.mark.fault(12, 13, 14)
@settings(max_examples=INPUTS)
@given(mutants(IDX), st.sampled_from([1, 3]))
def test_any_bytes_are_an_array_of_their_own_length_or_are_refused(
    content: bytes, dimensions: int
) -> None:
    with suppress(UserError):
        array = idx.parse(content, dimensions=dimensions, name="x")
        assert array.ndim == dimensions
        assert array.nbytes == len(content) - 4 - 4 * dimensions
        assert idx.serialize(array) == content


def changed(whole: bytes, rng: random.Random) -> bytes:
    """Overwrite, cut out or put in a few bytes; mostly at the ends, where zip has its numbers."""
    content = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        at = rng.choice([rng.randrange(len(content)), rng.randrange(200), -rng.randint(1, 300)])
        width = rng.choice([1, 2, 4, 8])
        new = rng.choice([b"\xff", b"\0", rng.randbytes(1)]) * width
        stop = (at % len(content)) + rng.choice([width, width, width, 0, 20])
        content[at % len(content) : stop] = new
    return bytes(content)


@pytest.mark.fault(35)
def test_any_bytes_are_examples_or_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    """Archives changed anywhere, and whole ones with other headers of their arrays."""
    rng, path = random.Random(0), tmp_path / "x.npz"
    examples = dataset.Examples(
        np.zeros((7, 28, 28, 1), np.uint8),
        np.arange(7, dtype=np.uint16),
        Task((28, 28, 1), tuple("0123456789"), "ink"),
    )
    dataset.save(examples, path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with bounded(megabytes=100, seconds=samples.many(60)):
        for _ in range(samples.many(100)):
            path.write_bytes(changed(whole, rng))
            load_or_refuse(path)
            arrays = {name: changed(array[:128], rng) for name, array in members.items()}
            archive.write({name: arrays[name] + members[name][128:] for name in arrays}, path)
            load_or_refuse(path)


def load_or_refuse(path: Path) -> None:
    with suppress(UserError):
        images, labels, task = dataset.load(path)
        assert images.shape == (len(labels), *task.shape)
        assert max(labels) < 10
