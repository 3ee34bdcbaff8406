"""Is a shape drawn as digits are: of strokes, not too many? Else the line that says what it is.

The limits are those of 4,000 of MNIST's 70,000 digits, with room for markers and flourishes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mnist.errors import UserError

Mask = NDArray[np.bool_]  # [H, W]

THICKEST = 0.65  # of the longer side; 0.59 in MNIST, 0.51 in 99.9 %
LONGEST = 3.6  # times the longer side, all strokes together; 3.1 in MNIST
WIDEST = 2.2  # times the height; 99.9 % are below 1.85
HOLES = 3  # of 1 % of the square of the longer side, or more; 3 in MNIST
HOLE = 0.01


def check(shape: Mask) -> None:
    """Raise UserError for a blob, a scribble, a line of writing, a drawing with many holes."""
    height, width = (int(np.ptp(np.flatnonzero(shape.any(axis)))) + 1 for axis in (1, 0))
    side = max(height, width)
    depth = ndimage.distance_transform_edt(shape)[shape]  # of each pixel below the ink's surface
    length = depth.size / (4 * float(depth.mean()))  # of a strip, whose mean depth is its quarter
    labels, _ = ndimage.label(~shape)
    holes = int((np.bincount(labels.ravel())[1:] >= HOLE * side**2).sum()) - 1
    for wrong, found in (
        (2 * float(depth.max()) > THICKEST * side, "a filled shape"),
        (length > LONGEST * side, "a scribble or a drawing"),
        (width > WIDEST * height, f"a shape {width / height:.1f} times as wide as it is high"),
        (holes > HOLES, f"a drawing with {holes} holes"),
    ):
        if wrong:
            raise UserError(f"expected a digit, found {found}")
