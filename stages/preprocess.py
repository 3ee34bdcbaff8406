"""Read the files strictly; write training, validation and test examples."""

from pathlib import Path

from mnist.arrays import dataset, published
from mnist.arrays.split import split
from mnist.errors import run
from mnist.params.file import read
from mnist.params.preprocess import PreprocessParams
from mnist.source import card

RAW = Path("data/raw")
TRAIN = Path("data/prepared/train.npz")
VALIDATION = Path("data/prepared/validation.npz")
TEST = Path("data/prepared/test.npz")


def main() -> None:
    """Split the training set; keep the test set as it is."""
    params, described = read("preprocess", PreprocessParams), card.read("card", RAW)
    train, validation = split(published.read(RAW, described, "train", params), params)
    dataset.save(train, TRAIN)
    dataset.save(validation, VALIDATION)
    dataset.save(published.read(RAW, described, "test", params), TEST)


if __name__ == "__main__":
    run(main)
