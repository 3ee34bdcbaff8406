"""Bytes of npy, numpy's format of one array, read strictly: nothing in its header is evaluated.

numpy parses the header as Python and takes the memory that it claims; deep brackets, words cut off
and numbers without end come out of that in half a dozen ways.
"""

import math
import re

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0
HEADER = re.compile(
    r"\{'descr': '([^']{1,9})', 'fortran_order': False, "
    r"'shape': \(((?:\d{1,18}, ?){0,4}\d{0,18})\), \} *\n"
)


def parse(content: bytes) -> NDArray[np.uint8]:
    """Npy bytes -> the array, a read-only view of `content`.

    Raises ValueError, with what was found, unless it is unsigned bytes and exactly as many of them
    as the header says.
    """
    if not content.startswith(MAGIC):
        raise ValueError(f"{content[:8]!r} where an array starts")
    end = 10 + int.from_bytes(content[8:10], "little")
    header = HEADER.fullmatch(content[10:end].decode("latin-1"))
    if header is None:
        raise ValueError(f"an array of the kind {content[10:end][:60]!r}")
    shape = tuple(int(length) for length in re.findall(r"\d+", header[2]))
    if header[1] != "|u1":
        raise ValueError(f"{_name(header[1])} {by(shape)}")
    if math.prod(shape) != len(content) - end:
        raise ValueError(f"{by(shape)} values claimed and {len(content) - end} there")
    return np.frombuffer(content, np.uint8, offset=end).reshape(shape)


def by(shape: tuple[int, ...]) -> str:
    """Write a shape as `28 x 28`."""
    return " x ".join(map(str, shape)) or "a single value"


def _name(code: str) -> str:
    try:
        return np.dtype(code).name
    except TypeError:
        return f"the type {code!r}"
