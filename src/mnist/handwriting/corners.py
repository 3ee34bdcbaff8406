"""A photo that was rotated -> the same photo with paper in its corners.

A rotation fills the corners with one colour, white or black, and cuts each off along a straight
line. Both are looked for, so that a drawing on an even background stays as it is.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Mask = NDArray[np.bool_]  # [H, W]

ALIKE = 12  # of 255: a filled corner's colours differ less, after JPEG too
EVEN = 1  # of 255: and by this on the mean; the grain of paper is more
EDGE = 3  # pixels: a rotation blends paper and filling on so many
RAGGED = 0.3  # of the corners: what lies on the wrong side of the straight lines
LEAST = 0.002  # of all pixels: smaller corners do not matter


def fill(colours: NDArray[np.float32]) -> NDArray[np.float32]:  # [H, W, 3]
    """Continue the paper into corners that a rotation has filled; return other photos as is."""
    photo = ~_even_corners(colours)
    if not LEAST <= 1 - photo.mean() < 1 or not _meets_all_edges(photo):
        return colours
    outline = _outline(photo)
    if (outline != photo).sum() > RAGGED * (~photo).sum():
        return colours
    paper = ndimage.binary_erosion(outline & photo, iterations=EDGE, border_value=1)
    if not paper.any():
        return colours
    nearest = ndimage.distance_transform_edt(~paper, return_distances=False, return_indices=True)
    return np.asarray(colours[tuple(nearest)])


def _even_corners(colours: NDArray[np.float32]) -> Mask:
    """Find the pixels that are connected with a corner of the image and have its colour."""
    even = np.zeros(colours.shape[:2], bool)
    near, far = slice(None, EDGE), slice(-EDGE, None)
    for corner, beside in (
        ((0, 0), (near, near)),
        ((0, -1), (near, far)),
        ((-1, 0), (far, near)),
        ((-1, -1), (far, far)),
    ):
        grain = np.abs(colours[beside] - colours[corner]).mean()
        if grain > EVEN or even[corner]:
            continue  # most photographs end here, which saves time
        difference = np.abs(colours - colours[corner]).max(axis=2)
        labels, _ = ndimage.label(difference <= ALIKE)
        found = labels == labels[corner]
        if difference[found].mean() <= EVEN:
            even |= found
    return even


def _meets_all_edges(photo: Mask) -> bool:
    sides = (photo[:EDGE], photo[-EDGE:], photo[:, :EDGE], photo[:, -EDGE:])
    return all(side.any() for side in sides)


def _outline(photo: Mask) -> Mask:
    """Return the polygon between the first and last pixels at the four edges of the image."""
    height, width = photo.shape
    top, bottom = (np.flatnonzero(rows.any(axis=0)) for rows in (photo[:EDGE], photo[-EDGE:]))
    left, right = (np.flatnonzero(part.any(axis=1)) for part in (photo[:, :EDGE], photo[:, -EDGE:]))
    points = [(top[0], 0), (top[-1], 0), (width - 1, right[0]), (width - 1, right[-1])]
    points += [(bottom[-1], height - 1), (bottom[0], height - 1), (0, left[-1]), (0, left[0])]
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).polygon([(int(x), int(y)) for x, y in points], fill=1)
    return np.asarray(image)
