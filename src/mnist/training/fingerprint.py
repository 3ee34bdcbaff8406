"""The inputs that all workers of a training must have in common, as bytes to compare."""

import platform
import sys
from collections.abc import Iterable
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path

from mnist.machine import environment
from mnist.params.train import TrainParams
from mnist.schema import Schema


def compute(params: Iterable[Schema], data: Iterable[Path]) -> dict[str, bytes]:
    """Return everything that the bytes of a training depend on; the keys are used in messages."""
    sections = list(params)
    any_processor = all(
        section.reproducible != "machine"
        for section in sections
        if isinstance(section, TrainParams)
    )
    packages = [platform.python_version(), *map(version, environment.PACKAGES)]
    return {
        "params": "\n".join(section.model_dump_json() for section in sections).encode(),
        "data": b"".join(_digest(path) for path in data),
        "code": b"".join(_digest(path) for path in _code()),
        "packages": "\n".join(packages).encode(),
        "processor": b"any" if any_processor else environment.processor().encode(),
    }


def _code() -> list[Path]:
    """List the files of the program and of those modules of this package that are imported."""
    names = sorted(name for name in sys.modules if name.split(".")[0] == __name__.split(".")[0])
    files = [sys.modules[name].__file__ for name in ["__main__", *names]]
    return [Path(file) for file in files if file]


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()
