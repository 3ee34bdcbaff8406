"""Our loop: ours.py FOLDER PARAMS [key=value ...], the keys of section `train`."""

import itertools
import sys
from pathlib import Path

import yaml

from mnist import dataset, processor
from mnist.params import read
from mnist.processor import ProcessorParams
from turns import CHUNK, accuracy, serve


def main() -> None:
    """Build the recipe's network and trainer; then take turns."""
    path = Path(sys.argv[2])
    changes = {key: yaml.safe_load(value) for key, value in (a.split("=") for a in sys.argv[3:])}
    settings = read("train", ProcessorParams, path).model_dump() | changes
    processor.prepare(ProcessorParams.model_validate(settings))  # before TensorFlow is imported
    import tensorflow as tf  # noqa: PLC0415

    from mnist import augment, model, trainer, training  # noqa: PLC0415

    tf.config.experimental.enable_op_determinism()
    params = training.TrainParams.model_validate(
        read("train", training.TrainParams, path).model_dump() | changes
    )
    network = model.build(read("model", model.ModelParams, path), params.seed)
    train = dataset.load(Path(sys.argv[1]) / "train.npz")
    distortion = read("augment", augment.AugmentParams, path)
    built = trainer.build(network, train, params, distortion)
    predict = model.predictor(network)
    turns = itertools.count()

    def run() -> None:
        first = next(turns) * CHUNK
        rows = training.order(len(train.labels), first, CHUNK, params)
        built.run_steps(first, rows).numpy()

    serve(run, lambda: accuracy(lambda images: predict((images * 255).round().astype("uint8"))))


if __name__ == "__main__":
    main()
