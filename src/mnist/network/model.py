"""`ModelParams` -> `keras.Model`; running it; byte-stable saving, safe loading."""

import json
import re
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist import document
from mnist.arrays import archive
from mnist.arrays.images import Images, size
from mnist.errors import UserError, require_output
from mnist.machine import cores
from mnist.network import untrusted
from mnist.params.model import MOST_LAYERS, POOL, ModelParams
from mnist.task import Task, words

PREDICT_BATCH = 500  # images
PREDICT_VALUES = PREDICT_BATCH * 64 * 64 * 3  # of larger images there are fewer
Predictor = Callable[[Images], NDArray[np.float32]]


def build(params: ModelParams, task: Task, seed: int) -> keras.Sequential:
    """Build the network: pixels 0 to 255 `[N, H, W, C]` -> probabilities `[N, classes]`.

    `tutorial` draws convolutions from a normal of stddev sqrt(2 / fan-in) with bias 0, dense
    layers from a truncated normal of stddev 0.1 with bias 0.1. ReLU and batch norm come after the
    max-pool, which leaves a quarter of the values; ReLU and max-pool commute exactly.
    """
    params.require(task)
    seeds = (int(word) for word in np.random.SeedSequence(seed).generate_state(MOST_LAYERS + 2))
    layers = [keras.Input(task.shape, name="pixels"), keras.layers.Rescaling(1 / 255, name="scale")]
    for block, filters in enumerate(params.blocks, start=1):
        for position, width in enumerate(filters, start=1):
            layers.append(_convolution(params, width, f"{block}_{position}", seed=next(seeds)))
            if position == len(filters):
                layers.append(keras.layers.MaxPooling2D(POOL, name=f"pool_{block}"))
            if params.batch_norm:
                layers.append(keras.layers.BatchNormalization(name=f"norm_{block}_{position}"))
            layers.append(keras.layers.ReLU(name=f"relu_{block}_{position}"))
    layers.append(keras.layers.Flatten(name="flatten"))
    for position, width in enumerate(params.dense, start=1):
        layers.append(_dense(params, width, f"dense_{position}", seed=next(seeds)))
        layers.append(keras.layers.ReLU(name=f"relu_dense_{position}"))
    if params.dropout:
        layers.append(keras.layers.Dropout(params.dropout, seed=next(seeds), name="dropout"))
    layers.append(_dense(params, len(task.classes), "logits", seed=next(seeds)))
    layers.append(keras.layers.Softmax(name="probabilities"))
    return keras.Sequential(layers, name="digits")


def predictor(model: keras.Sequential) -> Predictor:
    """Compile the network once: uint8 images `[N, H, W, C]` -> probabilities `[N, classes]`.

    Batches of a fixed size run side by side, so how many threads there are changes no bit.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    lines = [tf.TensorSpec((2, layer.gamma.shape[0]), tf.float32) for layer in norms]

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8), lines])
    def run(images: Any, lines: Any) -> Any:
        values = tf.cast(images, tf.float32)
        for layer in model.layers:
            if layer in norms:
                scale, offset = tf.unstack(lines[norms.index(layer)])
                values = values * scale + offset
            else:
                values = layer(values, training=False)
        return values

    def predict(images: Images) -> NDArray[np.float32]:
        lines = [_line(layer) for layer in norms]
        step = min(PREDICT_BATCH, max(PREDICT_VALUES // size(images), 1))

        def answer(start: int) -> NDArray[np.float32]:
            return np.asarray(run(images[start : start + step], lines).numpy())

        with ThreadPoolExecutor(cores.count()) as pool:
            return np.concatenate(list(pool.map(answer, range(0, len(images), step))))

    return predict


def _line(layer: keras.layers.BatchNormalization) -> NDArray[np.float32]:  # [2, channels]
    """Return scale and offset of a normalisation as learnt, by exact division and root.

    TensorFlow takes an approximate reciprocal root, whose bits each maker of processors chooses.
    """
    scale, offset, mean, variance = (np.asarray(weight) for weight in layer.get_weights())
    scale = scale / np.sqrt(variance + np.float32(layer.epsilon))
    with np.errstate(invalid="ignore"):  # infinite weights: the training reports its loss instead
        return np.stack([scale, offset - mean * scale])


class Trained(NamedTuple):
    """A network, what it is for, and what its logits were divided by once it was trained."""

    network: keras.Sequential
    task: Task
    temperature: float


def divide(model: keras.Sequential, temperature: float) -> None:
    """Divide the logits of a network, for good: it answers as before, more or less surely."""
    for weight in model.get_layer("logits").weights:
        weight.assign(weight.numpy() / np.float32(temperature))


def save(trained: Trained, path: Path) -> None:
    """Save in Keras' own format, with what it is for in its metadata.

    The same weights, the same bytes: no dates, no addresses.
    """
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "model.keras"
        trained.network.save(dated)
        members = _read_members(dated)
    metadata: dict[str, Any] = {
        "keras_version": keras.__version__,
        "date_saved": "1980-01-01@00:00:00",
    }
    metadata |= words(trained.task) | {"temperature": trained.temperature}
    members["metadata.json"] = json.dumps(metadata, ensure_ascii=False).encode()
    members["config.json"] = _renumber(members["config.json"])
    archive.write(members, path)


def load(path: Path) -> Trained:
    """Load a saved network and what it is for. Raises UserError for what `save` did not write.

    Only weights are taken from the file, by a network that is built here.
    """
    require_output(path)
    try:
        saved = untrusted.read(path)
        model = build(saved.design, saved.task, seed=0)
        ours = json.dumps(keras.saving.serialize_keras_object(model))
        untrusted.compare(saved.config, json.loads(ours))
        _fill(model, saved.weights)
    except _MALFORMED as error:
        reason = document.reason(error)[:200]
        raise UserError(
            f"{path}: expected a Keras model, found {reason}; run `make repro`"
        ) from None
    return Trained(model, saved.task, saved.temperature)


_MALFORMED = (  # what json, h5py and Keras raise for it, and `build` for too many layers
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    UserError,
    ValueError,
)


def _fill(model: keras.Sequential, weights: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        path.write_bytes(weights)
        model.load_weights(path)
    for weight in model.weights:
        if not np.isfinite(weight.value.numpy()).all():
            raise ValueError(f"weights of {weight.path} that are no numbers")


def _convolution(params: ModelParams, filters: int, name: str, *, seed: int) -> keras.layers.Conv2D:
    initializer: Any = keras.initializers.GlorotUniform(seed)
    if params.initializer == "tutorial":
        initializer = keras.initializers.VarianceScaling(2, "fan_in", "untruncated_normal", seed)
    return keras.layers.Conv2D(
        filters,
        params.kernel_size,
        padding=params.padding,
        kernel_initializer=initializer,
        use_bias=not params.batch_norm,
        name=f"conv_{name}",
    )


def _dense(params: ModelParams, units: int, name: str, *, seed: int) -> keras.layers.Dense:
    initializer: Any = keras.initializers.GlorotUniform(seed)
    bias = 0.0
    if params.initializer == "tutorial":
        initializer, bias = keras.initializers.TruncatedNormal(0, 0.1, seed), 0.1
    return keras.layers.Dense(
        units,
        kernel_initializer=initializer,
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )


def _renumber(config: bytes) -> bytes:
    """Replace the `shared_object_id`s, addresses in memory, by 1, 2, 3 in order of appearance."""
    ids: dict[bytes, int] = {}
    return re.sub(
        rb'("shared_object_id": )(\d+)',
        lambda found: found[1] + b"%d" % ids.setdefault(found[2], len(ids) + 1),
        config,
    )


def _read_members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as saved:
        return {name: saved.read(name) for name in saved.namelist()}
