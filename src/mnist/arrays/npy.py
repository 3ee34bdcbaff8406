"""Bytes of npy, numpy's format of one array, read strictly: nothing in its header is evaluated.

numpy parses the header as Python and takes the memory that it claims; deep brackets, words cut off
and numbers without end come out of that in half a dozen ways.
"""

import math
import re
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0
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
    if not content.startswith(MAGIC):
        raise ValueError(f"{content[:8]!r} where an array starts")
    end = 10 + int.from_bytes(content[8:10], "little")
    header = HEADER.fullmatch(content[10:end].decode("latin-1"))
    if header is None:
        raise ValueError(f"an array of the kind {content[10:end][:60]!r}")
    shape = tuple(int(length) for length in re.findall(r"\d+", header[2]))
    if header[1] != np.dtype(kind).newbyteorder("<").str:
        raise ValueError(f"{_name(header[1])} {by(shape)}")
    there, rest = divmod(len(content) - end, np.dtype(kind).itemsize)
    if math.prod(shape) != there or rest:
        raise ValueError(f"{by(shape)} values claimed and {len(content) - end} bytes there")
    return np.frombuffer(content, kind, offset=end).reshape(shape)


def by(shape: tuple[int, ...]) -> str:
    """Write a shape as `28 x 28`."""
    return " x ".join(map(str, shape)) or "a single value"


def _name(code: str) -> str:
    try:
        return np.dtype(code).name
    except TypeError:
        return f"the type {code!r}"
