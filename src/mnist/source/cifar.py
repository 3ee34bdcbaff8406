"""The binary version of CIFAR-10: records without a header, each a label and a picture.

A byte with the label, then 1,024 bytes each of red, green and blue, row by row:
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist.errors import UserError

SIDE, CHANNELS = 32, 3
RECORD = 1 + CHANNELS * SIDE * SIDE  # bytes


class Records(NamedTuple):
    """Pictures and, row by row, their labels."""

    images: NDArray[np.uint8]  # [N, 32, 32, 3]
    labels: NDArray[np.uint8]  # [N]


def parse(content: bytes, *, name: str) -> Records:
    """Bytes -> records, views of `content`. Raises UserError, which starts with `name`."""
    if not content or len(content) % RECORD:
        raise UserError(
            f"{name}: expected records of {RECORD} bytes, found {len(content)} bytes; delete it "
            "and run fetch again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    planes = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)
    return Records(planes.transpose(0, 2, 3, 1), records[:, 0])
