"""Read npy, numpy's format of one array, strictly and without evaluating its header.

`numpy.load` cannot replace this: it maps plain files only, not members of an npz, and it parses the
header as Python, which a hostile file makes fail with half a dozen kinds of exceptions.
"""

import io
import math
import re
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0
MAX_HEADER = 10 + 0xFFFF  # bytes
HEADER = re.compile(
    r"\{'descr': '([^']{1,9})', 'fortran_order': False, "
    r"'shape': \(((?:\d{1,18}, ?){0,4}\d{0,18})\), \} *\n"
)


N = TypeVar("N", np.uint8, np.uint16)


def parse(content: bytes, kind: type[N]) -> NDArray[N]:
    """Return the array in `content`, as a read-only view.

    Raises ValueError, with what was found, for another type, or a length that contradicts the
    header.
    """
    start, shape = read_header(content[:MAX_HEADER], len(content), kind)
    return np.frombuffer(content, kind, offset=start).reshape(shape)


def read_header(head: bytes, length: int, kind: type[N]) -> tuple[int, tuple[int, ...]]:
    """Return where the values of an array of `length` bytes start, and its shape.

    `head`: its first `MAX_HEADER` bytes. Raises ValueError as `parse` does.
    """
    if not head.startswith(MAGIC):
        raise ValueError(f"{head[:8]!r} where an array starts")
    end = 10 + int.from_bytes(head[8:10], "little")
    header = HEADER.fullmatch(head[10:end].decode("latin-1"))
    if header is None:
        raise ValueError(f"an array of the kind {head[10:end][:60]!r}")
    shape = tuple(int(side) for side in re.findall(r"\d+", header[2]))
    if header[1] != np.dtype(kind).newbyteorder("<").str:
        raise ValueError(f"{_name(header[1])} {format_shape(shape)}")
    count, rest = divmod(length - end, np.dtype(kind).itemsize)
    if math.prod(shape) != count or rest:
        raise ValueError(f"{format_shape(shape)} values claimed and {length - end} bytes there")
    return end, shape


def make_header(shape: tuple[int, ...], kind: type[N]) -> bytes:
    """Return the header of an array, as numpy writes it."""
    buffer = io.BytesIO()
    fields = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def format_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as `28 x 28`."""
    return " x ".join(map(str, shape)) or "a single value"


def _name(code: str) -> str:
    try:
        return np.dtype(code).name
    except TypeError:
        return f"the type {code!r}"
