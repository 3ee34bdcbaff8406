"""Train the network on the training examples; the test set is out of reach here."""

from pathlib import Path

from mnist import dataset, processor, tables
from mnist.errors import run
from mnist.params import read
from mnist.processor import ProcessorParams

TRAIN = Path("data/prepared/train.npz")
VALIDATION = Path("data/prepared/validation.npz")
MODEL = Path("models/model.keras")
SUMMARY = Path("metrics/train.json")
CURVE = Path("metrics/curve.csv")
ENVIRONMENT = Path("metrics/environment.json")


def main() -> None:
    """Write the model, its learning curve, and what it ran on."""
    processor.prepare(read("train", ProcessorParams))  # before TensorFlow is imported
    from mnist import augment, environment, model, training  # noqa: PLC0415

    params = read("train", training.TrainParams)
    network = model.build(read("model", model.ModelParams), params.seed)
    train, validation = dataset.load(TRAIN), dataset.load(VALIDATION)
    curve = training.fit(network, train, validation, params, read("augment", augment.AugmentParams))
    model.save(network, MODEL)
    tables.write_csv(training.Point._fields, curve, CURVE)
    tables.write_json(training.summarize(network, train, validation, curve), SUMMARY)
    tables.write_json(environment.describe(MODEL), ENVIRONMENT)


if __name__ == "__main__":
    run(main)
