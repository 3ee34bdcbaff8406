"""Read and write IDX, the format of the MNIST files; every malformed input is refused.

The format: two zero bytes, a type byte (8: unsigned byte), the number of dimensions, then each
dimension as a big-endian uint32, then the values, the last dimension fastest.
"""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from mnist.errors import UserError

UNSIGNED_BYTE = 8
TABLE = 0x0C02  # 12: big-endian int32; two dimensions


def parse(content: bytes, *, dimensions: int, name: str) -> NDArray[np.uint8]:
    """Return the uint8 array in IDX bytes, as a read-only view of `content`.

    Raises UserError, which starts with `name`, unless header and length agree to the byte.
    """
    shape = read_header(content[: header_length(dimensions)], len(content), dimensions, name)
    return np.frombuffer(content, np.uint8, offset=header_length(dimensions)).reshape(shape)


def header_length(dimensions: int) -> int:
    """Return the number of bytes before the values."""
    return 4 + 4 * dimensions


def read_header(head: bytes, length: int, dimensions: int, name: str) -> tuple[int, ...]:
    """Return the shape of the array in a file of `length` bytes that starts with `head`.

    Raises UserError as `parse` does.
    """
    start = header_length(dimensions)
    if len(head) < start:
        raise UserError(f"{name}: expected an IDX header of {start} bytes, found {len(head)}")
    zeros, kind, rank = struct.unpack(">HBB", head[:4])
    if zeros != 0:
        raise UserError(f"{name}: expected IDX to start with 00 00, found {head[:2].hex(' ')}")
    if kind != UNSIGNED_BYTE:
        raise UserError(f"{name}: expected IDX type 8 (unsigned byte), found {kind}")
    if rank != dimensions:
        raise UserError(f"{name}: expected {dimensions} dimensions, found {rank}")
    shape = struct.unpack(f">{rank}I", head[4:start])
    if math.prod(shape) != length - start:
        expected = " x ".join(map(str, shape))
        raise UserError(
            f"{name}: expected {expected} = {math.prod(shape)} values after the header, "
            f"found {length - start}; delete it and run fetch again"
        )
    return shape


def serialize(array: NDArray[np.uint8]) -> bytes:
    """Return an array as IDX bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def parse_table(content: bytes, *, name: str) -> NDArray[np.int32]:  # [N, M]
    """Return the integers in IDX bytes of type 12. Raises UserError as `parse` does."""
    if len(content) < 12:
        raise UserError(f"{name}: expected an IDX header of 12 bytes, found {len(content)}")
    start, rows, columns = struct.unpack(">3I", content[:12])
    if start != TABLE:
        found = content[:4].hex(" ")
        raise UserError(f"{name}: expected IDX to start with 00 00 0c 02, found {found}")
    if 4 * rows * columns != len(content) - 12:
        raise UserError(
            f"{name}: expected {rows} x {columns} numbers of 4 bytes after the header, found "
            f"{len(content) - 12} bytes; delete it and run fetch again"
        )
    return np.frombuffer(content, ">i4", offset=12).reshape(rows, columns).astype(np.int32)
