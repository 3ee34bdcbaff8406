"""Export the model and check it: `python -m mnist.export savedmodel|litert`.

Writes exports/, and exports/FORMAT.json: digest, size, speed, and how it compares on the whole
test set in its own runtime. Exit status 1 where a float export names another class, or is farther
from the model's probabilities than FARTHEST.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist import tables
from mnist.arrays import dataset
from mnist.errors import UserError, require_output, run
from mnist.export import comparison, runtime
from mnist.machine import processor
from mnist.predict import MODEL

TEST = Path("data/prepared/test.npz")
EXPORTS = Path("exports")
FORMATS = {"savedmodel": ("savedmodel",), "litert": ("model.tflite", "model-int8.tflite")}
LEFT_OUT = "onnx: Keras' exporter needs tf2onnx, which looks for a maintainer: left out"
FARTHEST = 1e-4  # of a probability: sums in another order, and other exponentials


def main() -> None:
    """Export, run on the test set elsewhere, compare; fail where it is not the same model."""
    parser = argparse.ArgumentParser(prog="python -m mnist.export", description=__doc__)
    parser.add_argument("format")
    name = parser.parse_args().format
    if name not in FORMATS:
        expected = f"FORMAT: expected {' or '.join(FORMATS)}, found {name!r:.40}"
        raise UserError(f"{expected} ({LEFT_OUT})" if name == "onnx" else expected)
    require_output(MODEL)
    test = dataset.load(TEST)
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415  # TensorFlow reads its environment at import

    network, task, _ = model.load(MODEL)
    dataset.require_task(test, task, TEST, MODEL)
    images = test.images[:]
    rows = model.predictor(network)(images)
    ours = runtime.alone(lambda pixels: network(pixels).numpy(), images.astype(np.float32))
    told: dict[str, Any] = {"model": {"md5": _digest(MODEL, "md5"), "bytes": _size(MODEL)}}
    told["model"]["milliseconds"] = round(ours, 2)
    for file in FORMATS[name]:
        path = EXPORTS / file
        _export(network, path)
        theirs, milliseconds = _run(path, images)
        found = comparison.compare(rows, theirs, test.labels)
        told[file] = {"sha256": _digest(path, "sha256"), "bytes": _size(path)}
        told[file] |= {"milliseconds": round(milliseconds, 2), **found}
        print(_line(file, told[file]))
    tables.write_json(told, EXPORTS / f"{name}.json")
    _require(told[FORMATS[name][0]], EXPORTS / FORMATS[name][0])


def _export(network: Any, path: Path) -> None:
    """Write an export beside its place, then move it there, over an older one."""
    import tensorflow as tf  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=_made(EXPORTS)) as folder:
        part = Path(folder) / path.name
        if path.suffix != ".tflite":
            network.export(part, format="tf_saved_model", verbose=False)
        else:
            small = {"optimizations": [tf.lite.Optimize.DEFAULT]} if "int8" in path.name else {}
            network.export(part, format="litert", verbose=False, **small)
        if path.is_dir():
            shutil.rmtree(path)
        part.rename(path)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _run(path: Path, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """Run an export in a process that has not loaded Keras."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, images)
        command = [sys.executable, "-P", "-m", "mnist.export.runtime", str(path), str(file)]
        done = subprocess.run(  # noqa: S603
            command, env=os.environ, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise UserError(f"{path}: its runtime fails: {done.stderr.strip()[-500:]}")
        with np.load(file.with_suffix(".npz")) as found:
            return found["probabilities"], float(found["milliseconds"])


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _digest(path: Path, kind: str) -> str:
    """Return the digest of a file, or of a folder's files with their names."""
    digest = hashlib.new(kind, usedforsecurity=False)
    for file in _files(path):
        digest.update(str(file.relative_to(path)).encode() if path.is_dir() else b"")
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path))


def _line(file: str, found: dict[str, Any]) -> str:
    return (
        f"{EXPORTS / file}: {found['bytes']:,} bytes, {found['milliseconds']} ms an image; of "
        f"{found['images']} test images {found['other_classes']} read otherwise, {found['won']} "
        f"won, {found['lost']} lost (exact McNemar p = {found['p']:.3g}); probabilities within "
        f"{found['farthest']}"
    )


def _require(found: dict[str, Any], path: Path) -> None:
    if found["other_classes"] or found["farthest"] > FARTHEST:
        print(
            f"{path}: expected the model's classes and probabilities within {FARTHEST}, found "
            f"{found['other_classes']} other classes and {found['farthest']}",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    run(main)
