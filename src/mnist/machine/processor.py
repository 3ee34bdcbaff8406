"""Fix what the processor contributes to the bits, before TensorFlow is imported.

The bits of a result depend on the instruction set and on the threads per operation. `portable`
fixes both, so that any x86-64 processor with AVX2 trains the same bytes: oneDNN is on (TensorFlow
turns it off on older processors) and limited to AVX2, with one thread per operation. With two
threads, oneDNN divides the rows of a product by what it knows of the processor's cores, and a row
at the edge of a share is summed in another order. `machine` uses all instructions, and repeats its
bytes on the same kind of machine only.

Independent operations, such as those of the shards of a batch, run in parallel on all cores. That
changes no bit. If a batch is one shard, `machine` uses the threads within each operation.
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from mnist.machine import cores, stderr_buffer

_ALWAYS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # a shared GPU is not filled
}
KERAS = {
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": os.devnull,  # no folder, so Keras neither reads nor writes a keras.json in it
}
# Keras imports them if they are installed, which is a third of its start; nothing here needs them
_UNUSED = ("matplotlib", "pandas", "sklearn")


def prepare(*, reproducible: str, device: str, shards: int = 1) -> None:
    """Set the environment variables that TensorFlow and oneDNN read, then import them."""
    portable = reproducible == "portable"
    one_thread = portable or shards > 1  # per operation
    os.environ.update(_ALWAYS)
    ignore_keras_settings(os.environ)
    _set("ONEDNN_MAX_CPU_ISA", "AVX2" if portable else None)
    _set("TF_NUM_INTRAOP_THREADS", "1" if one_thread else str(cores.count()))
    _set("TF_NUM_INTEROP_THREADS", str(cores.count()) if one_thread else None)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    _import_tensorflow()


def ignore_keras_settings(environ: MutableMapping[str, str]) -> None:
    """Replace the user's own Keras settings, with which another network may be built, or none."""
    for name in [name for name in environ if name.startswith("KERAS_")]:
        del environ[name]
    environ.update(KERAS)


def _set(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value


def _import_tensorflow() -> None:
    """Import it and let it look for devices; print its messages only if something is wrong."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
    with stderr_buffer.buffered() as buffer:
        import keras  # noqa: F401, PLC0415
        import tensorflow as tf  # noqa: PLC0415

        buffer.print_at_end = not tf.config.list_physical_devices("GPU") and _expects_gpu()
    for name in hidden:
        del sys.modules[name]


def _expects_gpu() -> bool:
    devices = [*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg")]
    return bool(devices) and os.environ.get("CUDA_VISIBLE_DEVICES") != "-1"
