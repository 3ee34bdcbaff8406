"""A model file is hostile until checked: what is in it, as plain numbers, before Keras sees any.

Keras' safe mode refuses code (CVE-2025-1550 and its kin got around it), but it builds whatever
config.json asks for, at any size, in a dozen places, and follows what the weights link to. So
nothing of config.json is ever built: its outline is, by our own code, and then it must be what our
network writes, to the last key.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from mnist import task
from mnist.arrays import archive
from mnist.params.model import ModelParams
from mnist.task import Task

SETTINGS = ("config.json", "metadata.json")
MEMBERS = (*SETTINGS, "model.weights.h5")
MAX_SETTINGS = 1 << 20  # bytes of either of them
MAX_WIDTH = 1 << 24  # filters or units of a layer
OTHERS = {"InputLayer", "Rescaling", "ReLU", "Flatten", "Softmax"}  # layers without numbers
FREE = {"seed", "shared_object_id"}  # differ from run to run, and say nothing about the network
MAX_TEMPERATURE = 1000.0
MAX_DEPTH = 8  # of groups in the weights: links may lead round in circles


class Saved(NamedTuple):
    """What a model file holds."""

    design: ModelParams
    task: Task
    temperature: float
    config: Any  # config.json
    weights: bytes  # HDF5, as many floats as the design asks for


def read(path: Path) -> Saved:
    """Read a model file; what that takes, and its network will take, is bounded by its size.

    Raises ValueError, and what json and h5py raise for malformed input. Executes nothing.
    """
    members = archive.read(path, MEMBERS)
    for name in SETTINGS:
        if len(members[name]) > MAX_SETTINGS:
            raise ValueError(f"{name} of {len(members[name])} bytes")
    config, weights = json.loads(members["config.json"]), members["model.weights.h5"]
    layers = config["config"]["layers"]
    design = ModelParams(**_outline(layers))
    shape = tuple(_whole(side) for side in layers[0]["config"]["batch_shape"][1:])
    metadata = json.loads(members["metadata.json"])
    shown, temperature = task.parse(shape, metadata), metadata.get("temperature")
    if not isinstance(temperature, float) or not 0 < temperature < MAX_TEMPERATURE:
        raise ValueError(f"a temperature of {temperature!r:.60}")
    design.require(shown)
    with h5py.File(io.BytesIO(weights), "r") as file:
        stored = sum(_weights(file, depth=0))
    if (wanted := sum(layer.weights for layer in design.layers(shown))) != stored:
        raise ValueError(f"{stored} weights where config.json asks for {wanted}")
    return Saved(design, shown, temperature, config, weights)


def compare(found: Any, expected: Any, where: str = "config.json") -> None:
    """Raise ValueError at the first value that is not the expected one."""
    if type(found) is not type(expected):
        raise _difference(found, expected, where)
    if isinstance(expected, dict):
        for key in sorted((found.keys() ^ expected.keys()) - FREE):
            raise ValueError(f"{where}.{key} in one of it and ours alone"[:200])
        for key in sorted(expected.keys() - FREE):
            compare(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list) and len(found) == len(expected):
        for position, value in enumerate(expected):
            compare(found[position], value, f"{where}.{position}")
    elif found != expected:
        raise _difference(found, expected, where)


def _difference(found: Any, expected: Any, where: str) -> ValueError:
    return ValueError(f"{where} of {str(found)[:60]}, where ours has {str(expected)[:60]}")


def _outline(layers: Any) -> dict[str, Any]:
    """Return the ModelParams that a network with these layers is built from, if it is ours."""
    found: dict[str, Any] = {"kernel_size": 1, "padding": "same", "dropout": 0.0}
    found |= {"batch_norm": False, "initializer": "glorot"}
    blocks: list[list[int]] = [[]]
    units: list[int] = []
    for layer in layers:
        settings = layer["config"]
        match layer["class_name"]:
            case "Conv2D":
                blocks[-1].append(_whole(settings["filters"]))
                found |= {"kernel_size": _whole(settings["kernel_size"][0])}
                found |= {"padding": settings["padding"]}
            case "MaxPooling2D":
                blocks.append([])
            case "BatchNormalization":
                found["batch_norm"] = True
            case "Dense":
                units.append(_whole(settings["units"]))
                if settings["kernel_initializer"]["class_name"] == "TruncatedNormal":
                    found["initializer"] = "tutorial"
            case "Dropout":
                found["dropout"] = settings["rate"]
            case other if other not in OTHERS:
                raise ValueError(f"a {str(other)[:60]}, which is not ours")
    return found | {"blocks": tuple(map(tuple, blocks[:-1])), "dense": tuple(units[:-1])}


def _whole(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_WIDTH:
        raise ValueError(f"{str(value)[:60]} where a layer has a width")
    return value


def _weights(group: Any, *, depth: int) -> Iterator[int]:
    """Yield the size of every array of floats; all of it lies in the file itself, as it is."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink) or depth > MAX_DEPTH:
            raise ValueError(f"a link in the weights, {name}")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _weights(item, depth=depth + 1)
        elif not isinstance(item, h5py.Dataset):
            raise ValueError(f"no array in the weights, {item.name}")
        elif item.external or item.is_virtual or item.id.get_storage_size() != item.nbytes:
            raise ValueError(f"weights that are not in the file, {item.name}")
        elif item.dtype.kind == "f":
            yield item.size
