"""Bytes of npy, numpy's format of one array, read strictly: nothing in its header is evaluated.

numpy parses the header as Python and takes the memory that it claims; deep brackets, words cut off
and numbers without end come out of that in half a dozen ways.
"""

import io
import math
import re
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0
LONGEST = 10 + 0xFFFF  # bytes of a header
HEADER = re.compile(
    r"\{'descr': '([^']{1,9})', 'fortran_order': False, "
    r"'shape': \(((?:\d{1,18}, ?){0,4}\d{0,18})\), \} *\n"
)


N = TypeVar("N", np.uint8, np.uint16)


def parse(content: bytes, kind: type[N]) -> NDArray[N]:
    """Npy bytes -> the array, a read-only view of `content`.

    Raises ValueError, with what was found, unless it is of this kind, and as long as its header
    says.
    """
    start, shape = outline(content[:LONGEST], len(content), kind)
    return np.frombuffer(content, kind, offset=start).reshape(shape)


def outline(head: bytes, length: int, kind: type[N]) -> tuple[int, tuple[int, ...]]:
    """Return where the values of an array of `length` bytes start, and its shape.

    `head`: its first `LONGEST` bytes. Raises ValueError as `parse` does.
    """
    if not head.startswith(MAGIC):
        raise ValueError(f"{head[:8]!r} where an array starts")
    end = 10 + int.from_bytes(head[8:10], "little")
    header = HEADER.fullmatch(head[10:end].decode("latin-1"))
    if header is None:
        raise ValueError(f"an array of the kind {head[10:end][:60]!r}")
    shape = tuple(int(side) for side in re.findall(r"\d+", header[2]))
    if header[1] != np.dtype(kind).newbyteorder("<").str:
        raise ValueError(f"{_name(header[1])} {by(shape)}")
    there, rest = divmod(length - end, np.dtype(kind).itemsize)
    if math.prod(shape) != there or rest:
        raise ValueError(f"{by(shape)} values claimed and {length - end} bytes there")
    return end, shape


def header(shape: tuple[int, ...], kind: type[N]) -> bytes:
    """Return the bytes before the values of an array, as numpy writes them."""
    buffer = io.BytesIO()
    said = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, said)
    return buffer.getvalue()


def by(shape: tuple[int, ...]) -> str:
    """Write a shape as `28 x 28`."""
    return " x ".join(map(str, shape)) or "a single value"


def _name(code: str) -> str:
    try:
        return np.dtype(code).name
    except TypeError:
        return f"the type {code!r}"
