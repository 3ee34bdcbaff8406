"""Row 34: a model file is refused before Keras builds, loads or runs anything in it."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from mnist import archive, model
from mnist.errors import UserError
from mnist.params.model import ModelParams

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
    model.save(model.build(PARAMS, 1), path)
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


def wide(layers: list[dict[str, Any]]) -> None:
    named(layers, "dense_1")["config"]["units"] = 10**9


def many(layers: list[dict[str, Any]]) -> None:
    named(layers, "conv_1_1")["config"]["filters"] = 10**9


def large(layers: list[dict[str, Any]]) -> None:
    layers[0]["config"]["batch_shape"] = [None, 10**6, 10**6, 1]


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


@pytest.mark.fault(34)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: edit(m, put_lambda), "found a keras.layers.Lambda, which is not ours"),
        (lambda m: edit(m, call_a_module), "found a os.system, which is not ours"),
        (lambda m: edit(m, wide), r"found \d+ weights where config.json asks for \d{12}"),
        (lambda m: edit(m, many), r"found \d+ weights where config.json asks for \d{11}"),
        (lambda m: edit(m, large), "found an input of"),
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
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("Keras opened it"))
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


@pytest.mark.parametrize("update", [{}, {"blocks": ()}, {"dense": ()}, {"batch_norm": False}])
def test_what_we_save_is_let_through(tmp_path: Path, update: dict[str, Any]) -> None:
    network = model.build(PARAMS.model_copy(update=update), 1)
    model.save(network, tmp_path / "m.keras")
    loaded = model.load(tmp_path / "m.keras")
    for mine, theirs in zip(network.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    assert re.match("digits", loaded.name)
