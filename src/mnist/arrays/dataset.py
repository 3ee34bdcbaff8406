"""`Examples`: images with their labels; saving and loading them."""

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist import task
from mnist.arrays import archive, npy
from mnist.errors import UserError
from mnist.task import Task

MEMBERS = ("images.npy", "labels.npy", "task.json")
MOST_BYTES = 1 << 20  # of task.json


class Examples(NamedTuple):
    """Images and, row by row, what they show."""

    images: NDArray[np.uint8]  # [N, H, W, C], 0: black, or background; 255: white, or ink
    labels: NDArray[np.uint16]  # [N], indices of the task's classes
    task: Task


def save(examples: Examples, path: Path) -> None:
    """Save as npz, which numpy loads: the same examples, the same bytes."""
    members = {"task.json": json.dumps(task.words(examples.task), ensure_ascii=False).encode()}
    for name, array in (("images", examples.images), ("labels", examples.labels)):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    archive.write(members, path)


def load(path: Path) -> Examples:
    """Load what `save` wrote. Raises UserError for anything else; executes nothing in it."""
    try:
        members = archive.read(path, MEMBERS)
        images = npy.parse(members["images.npy"], np.uint8)
        labels = npy.parse(members["labels.npy"], np.uint16)
        if labels.ndim != 1 or images.ndim != 4 or len(images) != len(labels):
            raise ValueError(f"{npy.by(images.shape)} and {npy.by(labels.shape)}")
        found = Examples(images, labels, task.parse(images.shape[1:], _words(members["task.json"])))
        require_labels(found)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected uint8 `images` [N, H, W, C], uint16 `labels` [N] and their classes, "
            f"found {error}; delete it and run `dvc repro`"
        ) from None
    return found


def _words(content: bytes) -> Any:
    if len(content) > MOST_BYTES:
        raise ValueError(f"task.json of {len(content)} bytes")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("task.json of many levels") from None


def require_labels(examples: Examples) -> None:
    """Raise ValueError, with what was found, for a label without a class, and for no image."""
    if len(examples.labels) == 0:
        raise ValueError("no image")
    known = examples.labels < len(examples.task.classes)
    if not known.all():
        row = int(np.argmin(known))
        raise ValueError(f"the label {examples.labels[row]} at index {row}")
