"""Run an export in its own runtime, without Keras: `python -m mnist.export.runtime FILE IMAGES`.

Reads images `[N, H, W, C]` from an npy file; writes their probabilities and the milliseconds of
one image, a median, beside it.
"""

import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Run = Callable[[NDArray[np.float32]], Any]  # [N, H, W, C] -> [N, classes]
ALONE = 200  # images that are run one by one, to be timed
TOGETHER = 100


def main() -> None:
    """Run all images together, and some of them alone."""
    exported, images = Path(sys.argv[1]), Path(sys.argv[2])
    pixels = np.load(images).astype(np.float32)
    run = _litert(exported) if exported.suffix == ".tflite" else _saved_model(exported)
    starts = range(0, len(pixels), TOGETHER)
    rows = np.concatenate([np.array(run(pixels[at : at + TOGETHER])) for at in starts])
    np.savez(images.with_suffix(".npz"), probabilities=rows, milliseconds=alone(run, pixels))


def alone(run: Run, pixels: NDArray[np.float32]) -> float:
    """Return the milliseconds that one image takes: the median of many, after the first ones."""
    taken = []
    for at in range(-5, min(ALONE, len(pixels))):
        image = pixels[max(at, 0)][np.newaxis]
        start = perf_counter()
        run(image)
        taken.append(1000 * (perf_counter() - start))
    return statistics.median(taken[5:])


def _saved_model(path: Path) -> Run:
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    import tensorflow as tf  # noqa: PLC0415

    loaded = tf.saved_model.load(str(path))
    return lambda images: loaded.serve(tf.constant(images)).numpy()


def _litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    interpreter = Interpreter(model_path=str(path))
    asked, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    length = 0

    def run(images: NDArray[np.float32]) -> Any:
        nonlocal length
        if length != len(images):
            interpreter.resize_tensor_input(asked["index"], images.shape)
            interpreter.allocate_tensors()
            length = len(images)
        interpreter.set_tensor(asked["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return run


if __name__ == "__main__":
    main()
