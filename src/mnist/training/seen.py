"""What a worker sees, in parts: all that the bytes of a training depend on."""

import platform
import sys
from collections.abc import Iterable
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path

from mnist.machine import environment
from mnist.params.train import TrainParams
from mnist.schema import Schema


def describe(params: Iterable[Schema], data: Iterable[Path]) -> dict[str, bytes]:
    """Return the parts by the name that a user knows them by; always as many."""
    read = list(params)
    machine = [
        one for one in read if isinstance(one, TrainParams) and one.reproducible == "machine"
    ]
    return {
        "params": "\n".join(one.model_dump_json() for one in read).encode(),
        "data": b"".join(_digest(path) for path in data),
        "code": b"".join(_digest(path) for path in _code()),
        "packages": "\n".join(
            [platform.python_version(), *map(version, environment.PACKAGES)]
        ).encode(),
        "processor": environment.processor().encode() if machine else b"any",
    }


def _code() -> list[Path]:
    """List the files of the program and of this package that it has imported."""
    names = sorted(name for name in sys.modules if name.split(".")[0] == __name__.split(".")[0])
    files = [sys.modules[name].__file__ for name in ["__main__", *names]]
    return [Path(file) for file in files if file]


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()
