"""Any bytes at all: an array or our own error from the readers, in bounded memory and time."""

import gzip
import hashlib
import random
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist import download, idx, transfer
from mnist.catalog import File
from mnist.errors import UserError

INPUTS = 3_000  # a test
CONTENT = random.Random(0).randbytes(20_000) + bytes(80_000)  # some that packs badly, some well
PACKED = gzip.compress(CONTENT, mtime=0)
FILE = File("digits", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
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
        for chunk in download._exactly(FILE, download._unpack(parts)):
            assert len(chunk) <= transfer.CHUNK
            total += len(chunk)
    except (transfer.UnfitError, transfer.InterruptedTransferError):
        return
    finally:
        assert total <= FILE.length
    assert total == FILE.length


@pytest.mark.fault(6, 11)
@settings(max_examples=INPUTS, deadline=1000)
@given(mutants(PACKED), st.integers(1, len(PACKED)))
def test_any_bytes_unpack_to_the_known_length_or_are_refused(packed: bytes, size: int) -> None:
    unpack(packed, size)


@pytest.mark.fault(6)
def test_what_packs_a_thousandfold_is_cut_off_at_the_known_length() -> None:
    bomb = gzip.compress(bytes(10**8))
    for size in (1, 7, len(bomb)):
        unpack(bomb, size)


@pytest.mark.fault(12, 13, 14)
@settings(max_examples=INPUTS, deadline=200)
@given(mutants(IDX), st.sampled_from([1, 3]))
def test_any_bytes_are_an_array_of_their_own_length_or_are_refused(
    content: bytes, dimensions: int
) -> None:
    with suppress(UserError):
        array = idx.parse(content, dimensions=dimensions, name="x")
        assert array.ndim == dimensions
        assert array.nbytes == len(content) - 4 - 4 * dimensions
        assert idx.serialize(array) == content
