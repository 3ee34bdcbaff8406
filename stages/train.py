"""Train the network on the training examples; this stage cannot read the test set.

TRAIN_MEMORY, for instance 500m or 4g, limits the memory for images; the default is half of the
memory. More images are read from their file, step by step. It is no parameter, because it changes
no result.
"""

import os
from pathlib import Path

from mnist import tables
from mnist.arrays import caching, dataset
from mnist.errors import run
from mnist.evaluation import calibration
from mnist.machine import cluster, memory, processor
from mnist.params.augment import AugmentParams
from mnist.params.file import read
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams

TRAIN = Path("data/prepared/train.npz")
VALIDATION = Path("data/prepared/validation.npz")
MODEL = Path("models/model.keras")
SUMMARY = Path("metrics/train.json")
CURVE = Path("metrics/curve.csv")
ENVIRONMENT = Path("metrics/environment.json")


def main() -> None:
    """Write the model, its learning curve, and a description of the machine."""
    params, distortion = read("train", TrainParams), read("augment", AugmentParams)
    design = read("model", ModelParams)
    train, validation = dataset.load(TRAIN), dataset.load(VALIDATION)
    memory.require(design, params, train.task)
    budget = memory.for_images(design, params, train.task, os.environ.get(memory.VARIABLE))
    train, validation = caching.cache((train, validation), budget)
    processor.prepare(reproducible=params.reproducible, device=params.device, shards=params.shards)
    from mnist.machine import environment  # noqa: PLC0415  # TensorFlow reads its environment at import
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import
    from mnist.training import fingerprint, loop, worker  # noqa: PLC0415  # TensorFlow reads its environment at import

    workers = cluster.find()
    cluster.require_role(workers)
    with worker.joined(workers, params.shards) as this:
        this.require_same(fingerprint.compute([design, params, distortion], [TRAIN, VALIDATION]))
        network = model.build(design, train.task, params.seed)
        curve = loop.fit(network, train, validation, params, distortion, worker=this)
    if this.rank:
        return  # worker 0 has the same model, and writes it
    probabilities = model.predictor(network)(validation.images)
    temperature = calibration.temperature(probabilities, validation.labels)
    model.divide(network, temperature)
    model.save(model.Trained(network, train.task, temperature), MODEL)
    tables.write_csv(loop.Point._fields, curve, CURVE)
    summary = loop.summarize(network, train, validation, curve) | {"temperature": temperature}
    tables.write_json(summary, SUMMARY)
    tables.write_json(environment.describe(MODEL), ENVIRONMENT)


if __name__ == "__main__":
    run(main)
