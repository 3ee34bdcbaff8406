"""Train the network on the training examples; the test set is out of reach here.

TRAIN_MEMORY, 500m or 4g say, is what the images may take of the memory, half of it unless it is
set; more are read from their file, step by step. That changes no result, so it is no parameter.
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
    """Write the model, its learning curve, and what it ran on."""
    params, distortion = read("train", TrainParams), read("augment", AugmentParams)
    design = read("model", ModelParams)
    train, validation = dataset.load(TRAIN), dataset.load(VALIDATION)
    memory.require(design, params, train.task)
    budget = memory.for_images(design, params, train.task, os.environ.get(memory.VARIABLE))
    train, validation = caching.cache((train, validation), budget)
    processor.prepare(reproducible=params.reproducible, device=params.device, shards=params.shards)
    from mnist.machine import environment  # noqa: PLC0415  # TensorFlow reads its environment at import
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import
    from mnist.training import loop, seen, team  # noqa: PLC0415  # TensorFlow reads its environment at import

    crew = cluster.find()
    cluster.require_role(crew)
    with team.joined(crew, params.shards) as workers:
        workers.require_same(seen.describe([design, params, distortion], [TRAIN, VALIDATION]))
        network = model.build(design, train.task, params.seed)
        curve = loop.fit(network, train, validation, params, distortion, team=workers)
    if workers.rank:
        return  # worker 0 has the same, and publishes it
    sure = model.predictor(network)(validation.images)
    temperature = calibration.temperature(sure, validation.labels)
    model.divide(network, temperature)
    model.save(model.Trained(network, train.task, temperature), MODEL)
    tables.write_csv(loop.Point._fields, curve, CURVE)
    summary = loop.summarize(network, train, validation, curve) | {"temperature": temperature}
    tables.write_json(summary, SUMMARY)
    tables.write_json(environment.describe(MODEL), ENVIRONMENT)


if __name__ == "__main__":
    run(main)
