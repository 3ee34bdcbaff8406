"""Read the IDX files strictly; write training, validation and test examples."""

from pathlib import Path

from mnist.arrays import dataset, published
from mnist.arrays.split import split
from mnist.errors import run
from mnist.params import read
from mnist.params.preprocess import SplitParams

RAW = Path("data/raw")
TRAIN = Path("data/prepared/train.npz")
VALIDATION = Path("data/prepared/validation.npz")
TEST = Path("data/prepared/test.npz")


def main() -> None:
    """Split the training set; keep the test set as it is."""
    params = read("preprocess", SplitParams)
    whole = published.read_idx(RAW / "train-images-idx3-ubyte", RAW / "train-labels-idx1-ubyte")
    train, validation = split(whole, params)
    dataset.save(train, TRAIN)
    dataset.save(validation, VALIDATION)
    dataset.save(
        published.read_idx(RAW / "t10k-images-idx3-ubyte", RAW / "t10k-labels-idx1-ubyte"), TEST
    )


if __name__ == "__main__":
    run(main)
