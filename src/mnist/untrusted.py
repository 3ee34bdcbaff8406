"""A model file is hostile until checked: what must hold before Keras opens it.

Keras' safe mode refuses code (CVE-2025-1550 and its kin got around it), but it builds whatever
config.json asks for, at any size, and follows what the weights link to.
"""

import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
MAX_SETTINGS = 1 << 20  # bytes of a JSON member
MAX_DEPTH = 8  # of groups in the weights: links may lead round in circles
SIDE = 28  # pixels
KNOWN = {  # class -> module
    "Sequential": "keras",
    "DTypePolicy": "keras",
    **dict.fromkeys(("InputLayer", "Rescaling", "Conv2D", "MaxPooling2D", "ReLU"), "keras.layers"),
    **dict.fromkeys(("BatchNormalization", "Flatten", "Dense", "Dropout"), "keras.layers"),
    "Softmax": "keras.layers",
    **dict.fromkeys(("GlorotUniform", "TruncatedNormal", "VarianceScaling"), "keras.initializers"),
    **dict.fromkeys(("Constant", "Ones", "Zeros"), "keras.initializers"),
}


def check(path: Path) -> None:
    """Raise ValueError unless a Keras file holds known layers, plain weights, and enough of them.

    Executes nothing; what it reads and what the network will need is bounded by the file's size.
    Besides ValueError it lets pass what zipfile, json and h5py raise for malformed input.
    """
    with zipfile.ZipFile(path) as archive:
        _check_members(archive.infolist())
        config = json.loads(archive.read("config.json"))
        weights = archive.read("model.weights.h5")
    for found in _classes(config):
        if KNOWN.get(found["class_name"]) != found.get("module") or found.get("registered_name"):
            raise ValueError(f"a {found.get('module')}.{found['class_name']}, which is not ours")
    with h5py.File(io.BytesIO(weights), "r") as file:
        stored = sum(_weights(file, depth=0))
    wanted = sum(_wanted(config["config"]["layers"]))
    if wanted != stored:
        raise ValueError(f"{stored} weights where config.json asks for {wanted}")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    names = sorted(member.filename for member in members)
    if names != sorted(MEMBERS):
        raise ValueError(f"the members {', '.join(names)[:99]}")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member.filename} compressed, of any size")
        if member.filename.endswith(".json") and member.file_size > MAX_SETTINGS:
            raise ValueError(f"{member.filename} of {member.file_size} bytes")


def _classes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a config that names a class."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _classes(item)


def _weights(group: Any, *, depth: int) -> Iterator[int]:
    """Yield the size of every array of floats; all of it lies in the file itself, as it is."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink) or depth > MAX_DEPTH:
            raise ValueError(f"a link in the weights, {name}")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _weights(item, depth=depth + 1)
        elif item.external or item.is_virtual or item.id.get_storage_size() != item.nbytes:
            raise ValueError(f"weights that are not in the file, {item.name}")
        elif item.dtype.kind == "f":
            yield item.size


def _wanted(layers: list[dict[str, Any]]) -> Iterator[int]:
    """Yield how many weights each layer has, by the arithmetic of its shapes."""
    side, width = SIDE, 1
    for layer in layers:
        settings = layer["config"]
        match layer["class_name"]:
            case "InputLayer" if settings["batch_shape"] != [None, SIDE, SIDE, 1]:
                raise ValueError(f"an input of {settings['batch_shape']}")
            case "Conv2D":
                filters = int(settings["filters"])
                if settings["padding"] == "valid":
                    side -= int(settings["kernel_size"][0]) - 1
                yield math.prod(settings["kernel_size"]) * width * filters
                yield filters * bool(settings["use_bias"])
                width = filters
            case "BatchNormalization":
                yield 4 * width
            case "MaxPooling2D":
                side //= int(settings["strides"][0])
            case "Flatten":
                side, width = 1, side * side * width
            case "Dense":
                units = int(settings["units"])
                yield width * units + units
                width = units
