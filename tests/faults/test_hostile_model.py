"""Row 34: a model file is refused before Keras builds, loads or runs anything in it."""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import samples
from bounded import bounded
from mnist.arrays import archive
from mnist.errors import UserError
from mnist.network import model
from mnist.params.model import ModelParams
from mnist.task import Task
from test_fuzz import changed

DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")
PARAMS = ModelParams(
    blocks=((4, 4), (4,)),
    kernel_size=3,
    padding="valid",
    batch_norm=True,
    dense=(8,),
    dropout=0.5,
    initializer="tutorial",
)
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Members:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(model.Trained(model.build(PARAMS, DIGITS, 1), DIGITS, 1.0), path)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def edit(members: Members, change: Callable[[list[dict[str, Any]]], None]) -> Members:
    config = json.loads(members["config.json"])
    change(config["config"]["layers"])
    return members | {"config.json": json.dumps(config).encode()}


def rewrite(members: Members, change: Callable[[h5py.File], None]) -> Members:
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        change(file)
    return members | {"model.weights.h5": content.getvalue()}


def named(layers: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [layer] = [layer for layer in layers if layer["config"]["name"] == name]
    return layer


def put_lambda(layers: list[dict[str, Any]]) -> None:
    function = keras.layers.Lambda(lambda value: value)
    layers.insert(2, keras.saving.serialize_keras_object(function))


def call_a_module(layers: list[dict[str, Any]]) -> None:
    named(layers, "dense_1")["config"]["kernel_initializer"] = {
        "module": "os",
        "class_name": "system",
        "config": {"command": "touch pwned"},
        "registered_name": None,
    }


def set_in(name: str, key: str, value: Any) -> Callable[[Members], Members]:
    """Set one value of a layer; a dot in the key leads into what the value holds."""

    def change(layers: list[dict[str, Any]]) -> None:
        *path, last = key.split(".")
        holder = named(layers, name)
        for part in path:
            holder = holder[part]
        holder[last] = value

    return lambda members: edit(members, change)


def link_outside(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def store_outside(file: h5py.File) -> None:
    del file["layers/dense/vars/1"]
    outside = [("/etc/passwd", 0, 32)]
    file["layers/dense/vars"].create_dataset("1", (8,), "f4", external=outside)


def link_in_circles(file: h5py.File) -> None:
    file["layers/dense/round"] = file["layers"]


def claim_without_storing(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset("0", (10**6, 10**6), "f4", chunks=(1000, 1000))


def put_nan(file: h5py.File) -> None:
    file["layers/dense/vars/1"][0] = np.nan


def top(members: Members, **values: Any) -> Members:
    config = json.loads(members["config.json"]) | values
    return members | {"config.json": json.dumps(config).encode()}


@pytest.mark.fault(34)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: edit(m, put_lambda), "found a Lambda, which is not ours"),
        (lambda m: edit(m, call_a_module), "kernel_initializer.class_name of system, where ours"),
        (set_in("dense_1", "config.units", 10**7), r"weights where config.json asks for \d{10}"),
        (set_in("dense_1", "config.units", 10**9), "found 1000000000 where a layer has a width"),
        (set_in("conv_1_1", "config.filters", 10**6), r"weights where config.json asks for \d{8}"),
        (set_in("conv_1_1", "config.filters", 1e999), "found inf where a layer has a width"),
        (set_in("dense_1", "config.units", "9"), "found 9 where a layer has a width"),
        (
            set_in("pixels", "config.batch_shape", [None, 10**6, 10**6, 1]),
            "images of 1000000 x 1000000 x 1",
        ),
        (set_in("pixels", "config.batch_shape", [10**6, 28, 28, 1]), "batch_shape.0 of 1000000"),
        (
            set_in("dense_1", "build_config.input_shape", [None, 10**9]),
            "input_shape.1 of 1000000000",
        ),
        (
            set_in("scale", "build_config.input_shape", [10**9, 10**9]),
            "input_shape of .*, where ours",
        ),
        (set_in("conv_1_1", "config.kernel_size", [3, 10**6]), "kernel_size.1 of 1000000, where"),
        (set_in("conv_1_1", "config.strides", [9, 9]), "strides.0 of 9, where ours has 1"),
        (set_in("conv_1_1", "config.dilation_rate", [10**6, 1]), "dilation_rate.0 of 1000000"),
        (set_in("conv_1_1", "config.groups", 0), "groups of 0, where ours has 1"),
        (set_in("pool_1", "config.pool_size", [10**6, 2]), "pool_size.0 of 1000000"),
        (set_in("relu_1_1", "config.max_value", 1.0), "max_value of 1.0, where ours has None"),
        (
            set_in("dense_1", "config.activation", "tanh"),
            "activation of tanh, where ours has linear",
        ),
        (
            set_in("dense_1", "config.bias_initializer.module", "os"),
            "bias_initializer.module of os",
        ),
        (set_in("dense_1", "module", "os"), "module of os, where ours has keras.layers"),
        (set_in("dense_1", "registered_name", "x>Dense"), "registered_name of x>Dense, where"),
        (set_in("dense_1", "config.lora_rank", 10**9), "lora_rank in one of it and ours alone"),
        (set_in("dropout", "config.rate", float("nan")), "dropout"),
        (
            lambda m: top(m, compile_config={"optimizer": "os.system"}),
            "compile_config.optimizer in one",
        ),
        (lambda m: top(m, build_config={"input_shape": [1, 10**9]}), "build_config.input_shape of"),
        (lambda m: m | {"config.json": b"{}"}, "found 'config'"),
        (lambda m: rewrite(m, put_nan), "found weights of .* that are no numbers"),
        (lambda m: rewrite(m, link_outside), "found a link in the weights, 0"),
        (lambda m: rewrite(m, store_outside), "found weights that are not in the file, /layers"),
        (lambda m: rewrite(m, link_in_circles), "found a link in the weights"),
        (lambda m: rewrite(m, claim_without_storing), "weights that are not in the file, /layers"),
        (lambda m: m | {"config.json": b"[" * 100_000}, "expected a Keras model, found "),
        (lambda m: m | {"config.json": b" " * 2_000_000}, "found config.json of 2000000 bytes"),
        (lambda m: m | {"assets/run.sh": b""}, "found the members assets/run.sh, config.json"),
        (lambda m: m | {"model.weights.h5": b"HDF"}, "expected a Keras model, found "),
    ],
)
def test_a_hostile_model_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: Members,
    change: Callable[[Members], Members],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    def opened(*_: Any, **__: Any) -> None:
        pytest.fail("Keras opened it")

    monkeypatch.setattr(keras.models, "load_model", opened)
    if "no numbers" not in message:
        monkeypatch.setattr(keras.Model, "load_weights", opened)
    archive.write(change(members), tmp_path / "m.keras")
    with pytest.raises(UserError, match=message):
        model.load(tmp_path / "m.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.fault(34)
def test_a_zip_bomb_and_a_truncated_file_are_refused(tmp_path: Path, members: Members) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (members | {"config.json": bytes(10**8)}).items():
            file.writestr(name, content)
    with pytest.raises(UserError, match="compressed, of any size"):
        model.load(path)
    archive.write(members, path)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"m\.keras: expected a Keras model, found"):
            model.load(path)


@pytest.mark.fault(34)
@pytest.mark.parametrize("part", ["archive", "config.json", "model.weights.h5"])
def test_any_bytes_are_a_model_or_are_refused_in_bounded_memory(
    tmp_path: Path, members: Members, part: str
) -> None:
    """Files changed anywhere; or whole, with another value or other bytes in a member."""
    rng, path = random.Random(part), tmp_path / "m.keras"
    archive.write(members, path)
    whole = path.read_bytes()
    with bounded(megabytes=300, seconds=samples.many(60)):
        for _ in range(samples.many(25)):
            match part:
                case "archive":
                    path.write_bytes(changed(whole, rng))
                case "config.json":
                    archive.write(members | {part: other_values(members[part], rng)}, path)
                case _:
                    archive.write(members | {part: changed(members[part], rng)}, path)
            with suppress(UserError):
                assert model.load(path)[0].output_shape == (None, 10)


VALUES: list[Any] = [
    0,
    -1,
    2,
    10**6,
    10**9,
    10**30,
    1e999,
    float("nan"),
    None,
    True,
    "x",
    [],
    {},
    {"a": [1]},
]


def other_values(config: bytes, rng: random.Random) -> bytes:
    """Put other values in one to three places of a document, or take them out."""
    document = json.loads(config)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(places(document)))
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(VALUES)
    return json.dumps(document).encode()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from places(value[key])


@pytest.mark.parametrize("update", [{}, {"blocks": ()}, {"dense": ()}, {"batch_norm": False}])
def test_what_we_save_is_let_through(tmp_path: Path, update: dict[str, Any]) -> None:
    network = model.build(PARAMS.model_copy(update=update), DIGITS, 1)
    model.save(model.Trained(network, DIGITS, 1.0), tmp_path / "m.keras")
    loaded, task, temperature = model.load(tmp_path / "m.keras")
    assert (task, temperature) == (DIGITS, 1.0)
    for mine, theirs in zip(network.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    assert re.match("digits", loaded.name)
