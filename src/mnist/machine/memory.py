"""The memory that a training needs, from its params alone, and the memory that there is."""

import os
import re
from pathlib import Path

from mnist.errors import UserError
from mnist.machine import control_groups
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams
from mnist.task import Task

COPIES = 4  # of the weights: themselves, their gradients, two moments
BYTES = 4  # a float32
VARIABLE = "TRAIN_MEMORY"  # what images may take: no parameter, because it changes no result
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
LIMITS = ("memory.max", "memory.limit_in_bytes")  # of control groups, version 2 and 1


def require(
    model: ModelParams, train: TrainParams, task: Task, *, limit: int | None = None
) -> None:
    """Raise UserError for a training that needs more than `limit` bytes, or than there are.

    A GPU has its own memory, so a training that asks for one is not checked.
    """
    required, limit = needed(model, train, task), available() if limit is None else limit
    if train.device != "gpu" and required > limit:
        raise UserError(
            f"params.yaml: model, train.batch_size: expected a training that fits into the "
            f"{_gb(limit)} of memory here, found one that takes {_gb(required)} or more: "
            f"{COPIES} times the weights, {_gb(weights(model, task))}, and what "
            f"{train.batch_size:,} images become in every layer; take from model.blocks, "
            "model.dense or train.batch_size"
        )


def needed(model: ModelParams, train: TrainParams, task: Task) -> int:
    """Return a rough lower bound of the bytes that a step needs."""
    values = sum(layer.values for layer in model.layers(task))
    return COPIES * weights(model, task) + BYTES * train.batch_size * values


def for_images(model: ModelParams, train: TrainParams, task: Task, size: str | None) -> int:
    """Return the bytes that images may take: `size` (`TRAIN_MEMORY`), or half of the memory.

    The default is at most what a step leaves. Raises UserError for an invalid size.
    """
    if size:
        match = re.fullmatch(r"(\d{1,15})([kmgt]?)", size.strip().lower())
        if not match:
            raise UserError(f"{VARIABLE}: expected a size, 500m or 4g say, found {size!r:.80}")
        return int(match[1]) * UNITS[match[2]]
    total = available()
    return max(min(total // 2, total - needed(model, train, task)), 0)


def weights(model: ModelParams, task: Task) -> int:
    """Return the bytes of the network's weights."""
    return BYTES * sum(layer.weights for layer in model.layers(task))


def available(root: Path = Path("/")) -> int:
    """Return the memory, in bytes, that the machine and the control groups allow this process."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for words in control_groups.limits("memory", *LIMITS, root=root):
        limits += [int(word) for word in words if word.isdecimal()]  # not `max`
    return min(limits)


def _gb(count: int) -> str:
    return f"{count / 1e9:,.2f} GB"
