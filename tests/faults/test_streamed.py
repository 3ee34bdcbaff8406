"""Images that are more than memory would hold are written and read some at a time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bounded import bounded
from mnist.arrays import dataset, images
from mnist.arrays.dataset import Examples
from mnist.arrays.images import LazyImages
from mnist.task import Task


def test_saving_and_loading_hold_a_few_images_at_a_time(tmp_path: Path) -> None:
    """200 MB of images, in less than 80."""

    def made(rows: images.Rows) -> NDArray[np.uint8]:
        return np.repeat(rows.astype(np.uint8), 200 * 200).reshape(-1, 200, 200, 1)

    many, task = LazyImages(made, (5000, 200, 200, 1)), Task((200, 200, 1), ("a", "b"), "pad")
    with bounded(megabytes=80, seconds=60):
        dataset.save(Examples(many, np.zeros(5000, np.uint16), task), tmp_path / "a.npz")
        loaded = dataset.load(tmp_path / "a.npz")
        assert loaded.images[4999:].max() == 4999 % 256
    assert (tmp_path / "a.npz").stat().st_size > 200_000_000
