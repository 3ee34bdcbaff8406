"""Open the test set, once and whole: metrics with intervals, predictions, pictures, a model card.

Always on the processor, in the portable way: the same model, the same bytes.
"""

import hashlib
import json
from pathlib import Path

from mnist import tables
from mnist.arrays import dataset
from mnist.errors import run
from mnist.evaluation import calibration, confusion, figures, metrics, model_card
from mnist.machine import processor
from mnist.params.evaluate import EvaluateParams
from mnist.params.file import read
from mnist.task import INK

TEST = Path("data/prepared/test.npz")
MODEL = Path("models/model.keras")
MODEL_CARD = Path("models/README.md")
CURVE = Path("metrics/curve.csv")
SUMMARY = Path("metrics/train.json")
EVALUATION = Path("metrics/evaluation.json")
PREDICTIONS = Path("metrics/predictions.csv")
CONFUSION = Path("metrics/confusion_matrix.png")
MISTAKES = Path("metrics/worst_mistakes.png")
LEARNING = Path("metrics/learning_curve.png")


def main() -> None:
    """Write everything that a reviewer reads."""
    params = read("evaluate", EvaluateParams)
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import

    test = dataset.load(TEST)
    network, task, temperature = model.load(MODEL)
    dataset.require_task(test, task, TEST, MODEL)
    probabilities = model.predictor(network)(test.images)
    evaluation = metrics.evaluate(probabilities, test.labels, task.classes, params.confidence)
    evaluation |= calibration.summarize(probabilities, test.labels, temperature)
    answers = metrics.predictions(probabilities, test.labels)
    tables.write_json(evaluation, EVALUATION)
    layers = [
        (layer.name, " x ".join(map(str, layer.output.shape[1:]))) for layer in network.layers
    ]
    md5 = hashlib.md5(MODEL.read_bytes(), usedforsecurity=False).hexdigest()
    train = json.loads(SUMMARY.read_bytes())
    about = model_card.About(task, md5, layers, train, evaluation, test.labels, params.confidence)
    MODEL_CARD.write_text(model_card.write(about), encoding="utf-8")
    tables.write_csv(("index", *answers._fields), metrics.rows(answers, task.classes), PREDICTIONS)
    balance = metrics.balance(evaluation)
    figures.save(confusion.draw(*answers[:2], task.classes, balance), CONFUSION)
    worst = figures.worst_mistakes(test.images, answers, task.classes, ink=task.photo == INK)
    figures.save(worst, MISTAKES)
    figures.save(figures.learning_curve(tables.read_csv(CURVE)), LEARNING)
    print(metrics.sentence(evaluation, params.confidence))


if __name__ == "__main__":
    run(main)
