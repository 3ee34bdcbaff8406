"""The images of the test set that are most similar to a picture."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mnist.arrays.dataset import Examples
from mnist.arrays.images import bytes_per_image

MOST_BYTES = 256 << 20  # of images as floats; of a larger set, the first ones are used


class Neighbour(NamedTuple):
    """An image of the test set."""

    row: int  # in the test set
    label: int
    likeness: float  # cosine of the two images' pixels, 0 to 1


class Neighbours(NamedTuple):
    """Images, and the same images scaled to length 1."""

    images: NDArray[np.uint8]  # [N, H, W, C]
    labels: NDArray[np.uint16]  # [N]
    directions: NDArray[np.float32]  # [N, H * W * C]

    @classmethod
    def of(cls, examples: Examples) -> Self:
        """Use as many examples as fit into `MOST_BYTES`."""
        count = max(MOST_BYTES // (4 * bytes_per_image(examples.images)), 1)
        images, labels = examples.images[:count], examples.labels[:count]
        return cls(images, labels, _directions(images))

    def nearest(self, image: NDArray[np.uint8], count: int) -> list[Neighbour]:
        """Return the images most similar to one `[H, W, C]`, the most similar first."""
        likeness = self.directions @ _directions(image[np.newaxis])[0]
        order = np.argsort(-likeness, kind="stable")[:count]
        return [
            Neighbour(int(index), int(self.labels[index]), round(float(likeness[index]), 4))
            for index in order
        ]


def _directions(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1))
