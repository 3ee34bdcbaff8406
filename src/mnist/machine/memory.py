"""What a training takes of the memory, from its params alone, against what there is."""

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
VARIABLE = "TRAIN_MEMORY"  # what images may take of the memory: it changes no byte of a result
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
LIMITS = ("memory.max", "memory.limit_in_bytes")  # of control groups, version 2 and 1


def require(
    model: ModelParams, train: TrainParams, task: Task, *, there: int | None = None
) -> None:
    """Raise UserError for a training that cannot fit into the memory that is `there`, in bytes.

    A GPU has memory of its own; a training that asks for one is not judged.
    """
    wanted, there = needed(model, train, task), available() if there is None else there
    if train.device != "gpu" and wanted > there:
        raise UserError(
            f"params.yaml: model, train.batch_size: expected a training that fits into the "
            f"{_say(there)} of memory here, found one that takes {_say(wanted)} or more: "
            f"{COPIES} times the weights, {_say(weights(model, task))}, and what "
            f"{train.batch_size:,} images become in every layer; take from model.blocks, "
            "model.dense or train.batch_size"
        )


def needed(model: ModelParams, train: TrainParams, task: Task) -> int:
    """Return the bytes that a step holds at least: rough, and never too much."""
    values = sum(layer.values for layer in model.layers(task))
    return COPIES * weights(model, task) + BYTES * train.batch_size * values


def for_images(model: ModelParams, train: TrainParams, task: Task, given: str | None) -> int:
    """Return the bytes that images may take: those `given` (`TRAIN_MEMORY`), else half of all.

    No more than a step leaves. Raises UserError for a text that is no size.
    """
    if given:
        found = re.fullmatch(r"(\d{1,15})([kmgt]?)", given.strip().lower())
        if not found:
            raise UserError(f"{VARIABLE}: expected a size, 500m or 4g say, found {given!r:.80}")
        return int(found[1]) * UNITS[found[2]]
    there = available()
    return max(min(there // 2, there - needed(model, train, task)), 0)


def weights(model: ModelParams, task: Task) -> int:
    """Return the bytes of the network's weights."""
    return BYTES * sum(layer.weights for layer in model.layers(task))


def available(root: Path = Path("/")) -> int:
    """Return the bytes that this process may have: of the machine, and of its control groups."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for words in control_groups.limits("memory", *LIMITS, root=root):
        limits += [int(word) for word in words if word.isdecimal()]  # not `max`
    return min(limits)


def _say(count: int) -> str:
    return f"{count / 1e9:,.2f} GB"
