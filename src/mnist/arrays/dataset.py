"""`Examples`: images with their labels; saving and loading them."""

import json
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from mnist import document, task
from mnist.arrays import archive, images, npy
from mnist.arrays.images import Images
from mnist.errors import UserError
from mnist.task import Task

MEMBERS = ("images.npy", "labels.npy", "task.json")
MAX_TASK_BYTES = 1 << 20  # of task.json


class Examples(NamedTuple):
    """Images and, row by row, what they show."""

    images: Images  # uint8 [N, H, W, C], in memory or not yet read
    labels: NDArray[np.uint16]  # [N], indices of the task's classes
    task: Task


def save(examples: Examples, path: Path) -> None:
    """Save as npz, which numpy loads, block by block: the same examples give the same bytes."""
    pixels, labels = examples.images, examples.labels
    header = npy.make_header(pixels.shape, np.uint8)
    length = len(header) + len(pixels) * images.bytes_per_image(pixels)
    blocks = (block.tobytes() for block in images.blocks(pixels))
    members: dict[str, bytes | archive.Stream] = {
        "images.npy": archive.Stream(length, chain([header], blocks)),
        "labels.npy": npy.make_header(labels.shape, np.uint16) + labels.tobytes(),
        "task.json": json.dumps(task.words(examples.task), ensure_ascii=False).encode(),
    }
    archive.write(members, path)


def load(path: Path) -> Examples:
    """Load what `save` wrote; images are read from the file on demand.

    Raises UserError for anything else, and executes nothing in it.
    """
    try:
        with archive.opened(path, MEMBERS) as opened:
            pixels = _open_images(path, opened)
            labels = npy.parse(opened.read("labels.npy"), np.uint16)
            if labels.ndim != 1 or len(pixels.shape) != 4 or len(pixels) != len(labels):
                raise ValueError(
                    f"{npy.format_shape(pixels.shape)} and {npy.format_shape(labels.shape)}"
                )
            words = _words(opened.read("task.json"))
        examples = Examples(pixels, labels, task.parse(pixels.shape[1:], words))
        require_labels(examples)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `make repro`") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected uint8 `images` [N, H, W, C], uint16 `labels` [N] and their classes, "
            f"found {document.reason(error)}; delete it and run `make repro`"
        ) from None
    return examples


def require_task(examples: Examples, expected: Task, path: Path, model: Path) -> None:
    """Raise UserError if a model is for images of another shape, or for other classes."""
    found = examples.task
    if (found.shape, found.classes) != (expected.shape, expected.classes):
        raise UserError(
            f"{path}: expected the images that {model} is for, {_describe(expected)}; "
            f"found {_describe(found)}; run `make repro`"
        )


def _describe(task: Task) -> str:
    names = ", ".join(task.classes[:3])
    return f"{npy.format_shape(task.shape)} in {len(task.classes)} classes ({names} ...)"


def _open_images(path: Path, opened: ZipFile) -> Images:
    start = archive.data_offset(path, opened, "images.npy")
    with opened.open("images.npy") as member:
        head = member.read(npy.MAX_HEADER)
    header, shape = npy.read_header(head, opened.getinfo("images.npy").file_size, np.uint8)
    return images.from_file(path, start + header, shape)


def _words(content: bytes) -> Any:
    if len(content) > MAX_TASK_BYTES:
        raise ValueError(f"task.json of {len(content)} bytes")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("task.json of many levels") from None


def require_labels(examples: Examples) -> None:
    """Raise ValueError, with what was found, for a label without a class, or no image."""
    if len(examples.labels) == 0:
        raise ValueError("no image")
    known = examples.labels < len(examples.task.classes)
    if not known.all():
        row = int(np.argmin(known))
        raise ValueError(f"the label {examples.labels[row]} at index {row}")
