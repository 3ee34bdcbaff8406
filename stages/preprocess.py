"""Read the raw files strictly; write training, validation and test examples."""

from pathlib import Path

from mnist.arrays import dataset, raw
from mnist.arrays.split import split
from mnist.errors import run
from mnist.params.file import read
from mnist.params.preprocess import PreprocessParams
from mnist.source import dataset_spec

RAW = Path("data/raw")
TRAIN = Path("data/prepared/train.npz")
VALIDATION = Path("data/prepared/validation.npz")
TEST = Path("data/prepared/test.npz")


def main() -> None:
    """Split the training set; keep the test set as it is."""
    params = read("preprocess", PreprocessParams)
    spec = dataset_spec.read(dataset_spec.SAVED_NAME, RAW)
    train, validation = split(raw.read(RAW, spec, "train", params), params)
    dataset.save(train, TRAIN)
    dataset.save(validation, VALIDATION)
    dataset.save(raw.read(RAW, spec, "test", params), TEST)


if __name__ == "__main__":
    run(main)
