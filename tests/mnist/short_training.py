"""Train a small network for a few steps and print the digest of all that comes of it, as JSON.

`python tests/mnist/short_training.py NETWORK`; on another processor, or on one that qemu
emulates, it prints the same. What it covers: every layer and every feature of
training that a recipe may use.
"""

import json
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import numpy as np

from mnist import tables
from mnist.arrays.dataset import Examples
from mnist.machine import processor
from mnist.params.augment import AugmentParams
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams
from mnist.task import Task

MODEL = {
    "tutorial": {
        "blocks": ((32,), (64,)),
        "kernel_size": 5,
        "padding": "same",
        "batch_norm": False,
        "dense": (64,),
        "dropout": 0.5,
        "initializer": "tutorial",
    },
    "features": {
        "blocks": ((8, 8), (16,)),
        "kernel_size": 3,
        "padding": "valid",
        "batch_norm": True,
        "dense": (32,),
        "dropout": 0.25,
        "initializer": "glorot",
    },
}
PLAIN = {
    "steps": 4,
    "batch_size": 20,
    "shards": 2,
    "learning_rate": 0.001,
    "schedule": "constant",
    "betas": (0.9, 0.999),
    "weight_decay": 0,
    "label_smoothing": 0,
    "average": 0,
    "precision": "float32",
    "validate_every": 100,
    "checkpoint_every": 100,
    "seed": 3,
    "reproducible": "portable",
    "device": "cpu",
}
EVERYTHING = {
    "schedule": "one-cycle",
    "betas": (0.7, 0.9),
    "weight_decay": 0.1,
    "label_smoothing": 0.1,
    "average": 0.9,
}
TRAIN = {"tutorial": PLAIN | {"schedule": "cosine"}, "features": PLAIN | EVERYTHING}
DISTORTION = {"rotation": 9, "shear": 9, "zoom": 0.1, "shift": 2, "flip": True}
AUGMENT = {
    "tutorial": dict.fromkeys(("rotation", "shear", "zoom", "shift"), 0) | {"flip": False},
    "features": DISTORTION,
}


DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")


def digits(count: int) -> Examples:
    """Draw noisy bars whose height tells the label."""
    generator = np.random.Generator(np.random.PCG64(0))
    labels = generator.integers(0, 10, count, np.uint8).astype(np.uint16)
    images = generator.integers(0, 99, (count, 28, 28, 1), np.uint8)
    for row, label in enumerate(labels):
        images[row, 2 * label : 2 * label + 5] += np.uint8(150)
    return Examples(images, labels, DIGITS)


def main() -> None:
    """Train, evaluate, print."""
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.evaluation import metrics  # noqa: PLC0415
    from mnist.network import model  # noqa: PLC0415
    from mnist.training import loop  # noqa: PLC0415

    name = sys.argv[1]
    params = TrainParams.model_validate(TRAIN[name])
    distortion = AugmentParams.model_validate(AUGMENT[name])
    network = model.build(ModelParams.model_validate(MODEL[name]), DIGITS, params.seed)
    train, test = digits(200), digits(100)
    curve = loop.fit(network, train, test, params, distortion)
    probabilities = model.predictor(network)(test.images)
    found = {"probabilities": sha256(probabilities.tobytes()).hexdigest()}
    with tempfile.TemporaryDirectory() as folder:
        saved, rows = Path(folder) / "model.keras", Path(folder) / "curve.csv"
        model.save(model.Trained(network, DIGITS, 1.0), saved)
        tables.write_csv(loop.Point._fields, curve, rows)
        found |= {path.name: sha256(path.read_bytes()).hexdigest() for path in (saved, rows)}
    evaluation = metrics.evaluate(probabilities, test.labels, DIGITS.classes, 0.95)
    summary = loop.summarize(network, train, test, curve)
    print(json.dumps({**found, "evaluation": evaluation, "summary": summary}))


if __name__ == "__main__":
    main()
