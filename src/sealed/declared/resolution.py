"""Asks DVC what its stages are: here, or in the Python that runs DVC where this one has none."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sealed import content, document
from sealed.address import PIPELINE
from sealed.declared import index
from sealed.errors import StageError


def one(root: Path, file: str, name: str) -> dict[str, Any]:
    """Return stage `name` of `file`, as `index` does. Raises StageError."""
    if "DVC_STAGE" not in os.environ:  # else DVC has just read it
        content.require_patterns(root)
        _require_documents(root / file)
    found = _answer(root, file, name)
    assert isinstance(found, dict)  # noqa: S101  # for mypy
    return found


def every(root: Path) -> list[dict[str, Any]]:
    """Return all stages that run a command, as `index` does. Raises StageError."""
    if (root / PIPELINE).exists():
        _require_documents(root / PIPELINE)
    found = _answer(root)
    assert isinstance(found, list)  # noqa: S101  # for mypy
    return found


def _require_documents(path: Path) -> None:
    """Raise StageError where DVC would take a spoilt document for something else, or for ever.

    Templates take their values from the params.yaml beside it.
    """
    params = path.with_name("params.yaml")
    try:
        if params.is_file():
            document.load(params)
    except ValueError as error:
        raise StageError(f"{params.name}: expected plain YAML, found {error}") from None
    try:
        found = document.load(path)
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        if isinstance(found, dict) and isinstance(found.get("stages"), dict):
            return
        reason = "another document"
    raise StageError(f"{path.name}: expected a mapping `stages`, found {reason}")


def _answer(root: Path, *named: str) -> Any:
    where = named[0] if named else "dvc.yaml"
    if python() != sys.executable:
        return _elsewhere(root, named, where)
    try:
        return index.one(str(root), *named) if named else index.every(str(root))
    except Exception as error:  # whatever DVC raises is its answer
        raise _refusal(where, str(error) or repr(error)) from None


def _elsewhere(root: Path, named: tuple[str, ...], where: str) -> Any:
    command = [python(), str(Path(index.__file__)), str(root), *named]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise _refusal(where, done.stderr)
    return json.loads(done.stdout)


def python() -> str:
    """Return a Python that has DVC: this one, or that which runs it. Raises StageError."""
    if find_spec("dvc"):
        return sys.executable
    found = next(_pythons_that_run_dvc(), "")
    if not found:
        raise StageError(
            f"{sys.executable} has no DVC to read dvc.yaml with, and no DVC runs this; "
            "install `dvc` beside `sealed`"
        )
    return found


def _refusal(where: str, reason: str) -> StageError:
    line = " ".join(reason.split()).removeprefix(f"{where}: ")
    if line.endswith("validation failed"):
        line = "validation failed; `dvc stage list` says where"
    return StageError(f"{where}: {line:.400}")


def _pythons_that_run_dvc() -> Iterator[str]:
    """Yield the interpreters among the processes above this one that were started with DVC."""
    pid = os.getppid()
    while pid > 1:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
            folder = os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115
        except OSError:
            return
        if "python" in Path(words[0]).name and any("dvc" in word for word in words[1:]):
            yield os.path.join(folder, words[0]) if "/" in words[0] else words[0]  # noqa: PTH118
        pid = int(status.split("PPid:")[1].split()[0])
