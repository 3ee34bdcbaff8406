"""Our loop: ours.py FOLDER PARAMS [key=value ...], the keys of section `train`."""

import itertools
import sys
from pathlib import Path

from mnist import document
from mnist.arrays import dataset
from mnist.machine import processor
from mnist.params.augment import AugmentParams
from mnist.params.file import read
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams
from turns import CHUNK, accuracy, serve


def main() -> None:
    """Build the recipe's network and trainer; then take turns."""
    path = Path(sys.argv[2])
    changes = {
        key: document.parse(value.encode()) for key, value in (a.split("=") for a in sys.argv[3:])
    }
    params = TrainParams.model_validate(read("train", TrainParams, path).model_dump() | changes)
    processor.prepare(reproducible=params.reproducible, device=params.device, shards=params.shards)
    from mnist.network import model  # noqa: PLC0415
    from mnist.training import loop, trainer  # noqa: PLC0415

    train = dataset.load(Path(sys.argv[1]) / "train.npz")
    train = train._replace(images=train.images[:])
    network = model.build(read("model", ModelParams, path), train.task, params.seed)
    distortion = read("augment", AugmentParams, path)
    built = trainer.build(network, train, params, distortion)
    predict = model.predictor(network)
    turns = itertools.count()

    def run() -> None:
        first = next(turns) * CHUNK
        rows = loop.order(len(train.labels), first, CHUNK, params)
        built.run_steps(first, rows)

    serve(run, lambda: accuracy(lambda images: predict((images * 255).round().astype("uint8"))))


if __name__ == "__main__":
    main()
