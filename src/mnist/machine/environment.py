"""Describe what a training ran on: versions, processor, threads, GPUs. Never an input."""

import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf

from mnist.machine import cores

PACKAGES = ("tensorflow", "keras", "numpy", "scipy")
FLAGS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "TF_NUM_INTRAOP_THREADS")


def describe(model: Path) -> dict[str, Any]:
    """Describe this process, without times and names of machines, so that records compare.

    `model`: the file that was trained; the record holds its MD5.
    """
    processor = _processor()
    flags = processor.get("flags", "").split()
    return {
        "of": {str(model): hashlib.md5(model.read_bytes(), usedforsecurity=False).hexdigest()},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor.get("model name", platform.processor() or "unknown"),
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": cores.count(),
        "variables": {name: os.environ.get(name) for name in VARIABLES},
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
    }


def processor() -> str:
    """Name the kind of processor, on which the bytes of `reproducible: machine` depend."""
    fields = _processor()
    flags = set(fields.get("flags", "").split()) & set(FLAGS)
    return " ".join([fields.get("model name", "unknown"), *sorted(flags)])


def _processor() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0]
    fields = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in fields}
