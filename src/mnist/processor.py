"""What the processor contributes to the bits, settled before TensorFlow is imported.

The same program gives other bits on another instruction set or number of threads. `portable`
fixes both: oneDNN on (TensorFlow turns it off on older processors), held to AVX2, one thread; so
that any x86-64 processor with AVX2 trains the same bytes. With two, oneDNN shares out the rows of a
product by what it knows of the processor's cores, and a row at the edge of a share is summed in
another order. `machine` uses all there is, and repeats its bytes on the same kind of machine only.
"""

import os
import sys
from pathlib import Path
from typing import Literal

from mnist import quiet
from mnist.params import Params

PORTABLE_THREADS = 1

_ALWAYS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # a shared GPU is not filled
}
_PORTABLE = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "TF_NUM_INTRAOP_THREADS": str(PORTABLE_THREADS),
    "TF_NUM_INTEROP_THREADS": str(PORTABLE_THREADS),
}
# what Keras imports where it is installed, and nobody here asks Keras for: a third of its start
_UNUSED = ("matplotlib", "pandas", "sklearn")


class ProcessorParams(Params, extra="ignore"):
    """The part of section `train` that must be known before TensorFlow is imported."""

    reproducible: Literal["portable", "machine"]
    device: Literal["auto", "cpu", "gpu"]


def prepare(params: ProcessorParams) -> None:
    """Set the environment variables that TensorFlow and oneDNN read, then import them."""
    os.environ.update(_ALWAYS)
    for name, value in _PORTABLE.items():
        if params.reproducible == "portable":
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
    if params.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    _import_tensorflow()


def _import_tensorflow() -> None:
    """Import it and let it look for devices, silently where all is as one would expect."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
    with quiet.held_back() as held:
        import keras  # noqa: F401, PLC0415
        import tensorflow as tf  # noqa: PLC0415

        held.wanted = not tf.config.list_physical_devices("GPU") and _expects_gpu()
    for name in hidden:
        del sys.modules[name]


def _expects_gpu() -> bool:
    devices = [*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg")]
    return bool(devices) and os.environ.get("CUDA_VISIBLE_DEVICES") != "-1"
