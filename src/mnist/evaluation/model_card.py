"""The model card: what a model is, what it was measured at, and how to load it, in markdown.

Mitchell et al. 2019, arXiv 1810.03993, is where such cards come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist.evaluation import metrics
from mnist.task import INK, Task

LIMITS = {
    True: "one digit, prepared as MNIST's were: cut out, scaled into 20 x 20 pixels, centred by "
    "its mass in 28 x 28, ink high. Other pictures have to be prepared so: `make predict` and "
    "`make serve` do, and refuse what shows no digit",
    False: "pictures of one of its classes, prepared as its training pictures were: `make "
    "predict` and `make serve` do",
}


class About(NamedTuple):
    """What a card is about; `train` and `evaluation` as in metrics/."""

    task: Task
    md5: str
    layers: Sequence[tuple[str, str]]  # name, output
    train: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    labels: NDArray[np.uint16]  # [N], of the test set
    confidence: float  # of the intervals


def write(about: About) -> str:
    """Write the card."""
    parts = [
        _head(about.task, about.md5),
        _measured(about.evaluation, about.confidence),
        "\n".join(_classes(about)),
        _calibration(about.evaluation, about.train),
        _recipe(about.layers, about.train),
        _limits(about.task, about.evaluation),
        _loading(about.task),
    ]
    return "\n\n".join(parts) + "\n"


def _head(task: Task, md5: str) -> str:
    height, width, channels = task.shape
    return (
        "# Model card\n\n"
        f"`models/model.keras`, MD5 `{md5}` as in dvc.lock: {height} x {width} x {channels} "
        f"pixels, 0 to 255, to the probabilities of {len(task.classes)} classes. Written by the "
        "stage `evaluate`; the numbers are of this very file."
    )


def _measured(evaluation: Mapping[str, Any], confidence: float) -> str:
    return (
        "## What it reaches\n\n"
        f"Test accuracy {evaluation['accuracy']:.4f} ({confidence:.0%} interval, Wilson: "
        f"{evaluation['accuracy_low']:.4f} to {evaluation['accuracy_high']:.4f}): "
        f"{evaluation['errors']} errors on {evaluation['images']} images, opened once. "
        f"Naming the commonest class always would reach {evaluation['majority_rate']:.4f}."
    )


def _classes(about: About) -> Iterator[str]:
    yield "| class | test images | accuracy | interval |"
    yield "|---|---|---|---|"
    counts = np.bincount(about.labels, minlength=len(about.task.classes))
    for name, count in zip(about.task.classes, counts, strict=True):
        if count:
            accuracy = about.evaluation["accuracy_of_class"][name]
            low, high = metrics.wilson(round(accuracy * count), int(count), about.confidence)
            shown = name.replace("|", "\\|")
            yield f"| {shown} | {count} | {accuracy:.4f} | {low:.4f} to {high:.4f} |"


def _calibration(evaluation: Mapping[str, Any], train: Mapping[str, Any]) -> str:
    return (
        "## How sure it is\n\n"
        f"Log loss {evaluation['log_loss']:.4f} nats. Expected calibration error "
        f"{evaluation['calibration_error']:.4f}; {evaluation['calibration_error_before']:.4f} "
        f"before its logits were divided by {train['temperature']}, which the validation set chose."
    )


def _recipe(layers: Sequence[tuple[str, str]], train: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {output} |" for name, output in layers)
    return (
        "## Data and recipe\n\n"
        f"{train['steps']} steps on {train['train_images']} training images, "
        f"{train['validation_images']} held out. "
        "`params.yaml` of the same commit is the whole recipe, `datasets/` tells where the "
        "images come from and their licence, `dvc.lock` holds the digest of every one of them.\n\n"
        f"| layer | output |\n|---|---|\n{rows}\n\n{train['parameters']:,} weights."
    )


def _limits(task: Task, evaluation: Mapping[str, Any]) -> str:
    return (
        "## Limits\n\n"
        f"- It reads {LIMITS[task.photo == INK]}.\n"
        "- It names one of its classes whatever it is shown; the probability says how sure it is, "
        "and is calibrated for images like the test set's alone.\n"
        f"- Those {evaluation['images']} images come from the same source as its training images: "
        "other hands, pens and cameras may do worse. Nothing else was measured."
    )


def _loading(task: Task) -> str:
    height, width, channels = task.shape
    return (
        "## How to load it\n\n"
        "    dvc get REPOSITORY models/model.keras       # of a commit with --rev\n"
        "    dvc import REPOSITORY models/model.keras    # and `dvc update` follows it\n"
        "    dvc artifacts get REPOSITORY digits         # where git has a tag digits@v1.0.0\n\n"
        "```python\n"
        "import keras\n\n"
        'network = keras.models.load_model("model.keras", compile=False)\n'
        f"probabilities = network.predict(images)  "
        f"# [N, {height}, {width}, {channels}], 0 to 255\n"
        "```\n\n"
        "Keras 3.15.0 and 3.15.1 load it and give the same classes; 3.6.0 to 3.14.1 refuse keys "
        "that 3.15 writes. Check the MD5 before you load a file of others."
    )
