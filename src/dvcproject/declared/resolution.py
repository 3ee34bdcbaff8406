"""Asks DVC what its stages are: here, or in the Python that runs DVC where this one has none."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dvcproject import git, ignore
from dvcproject.address import PIPELINE
from dvcproject.declared import index, resolution_cache
from dvcproject.errors import ProjectError

OTHERS_SECONDS = 0.1  # spent on the other stages of a dvc.yaml, which may come next


def one(root: Path, file: str, name: str) -> dict[str, Any]:
    """Return stage `name` of `file`, as `index` does. Raises ProjectError."""
    found = resolution_cache.recall(root, file, name)
    if found is not None:
        return found
    if "DVC_STAGE" not in os.environ:  # else DVC has just read it
        _require_patterns(root)
        _require_documents(root / file)
    if python() != sys.executable:
        found = _elsewhere(root, (file, name), file)
        assert isinstance(found, dict)  # noqa: S101  # for mypy
        return found
    return _here(root, file, name)


def _here(root: Path, file: str, name: str) -> dict[str, Any]:
    """Ask DVC for a stage, and keep what it says of this and others."""
    began, read = time.time_ns(), set[str]()
    with resolution_cache.noting(read), _refusing(file):
        found = index.several(str(root), file, name, seconds=OTHERS_SECONDS)
    resolution_cache.keep(root, file, found, read, began)
    return found[name]


def every(root: Path) -> list[dict[str, Any]]:
    """Return all stages and .dvc files, as `index` does. Raises ProjectError."""
    if (root / PIPELINE).exists():
        _require_documents(root / PIPELINE)
    if python() == sys.executable:
        with _refusing(PIPELINE):
            return index.every(str(root))
    found = _elsewhere(root, (), PIPELINE)
    assert isinstance(found, list)  # noqa: S101  # for mypy
    return found


def _require_patterns(root: Path) -> None:
    """Raise ProjectError where .dvcignore holds no patterns, which DVC would pass over."""
    path = root / ignore.NAME
    if path.exists():
        ignore.patterns(path.read_bytes(), ignore.NAME)


def files(root: Path, revision: str, name: str) -> list[dict[str, Any]]:
    """Return each dvc.yaml file at a git revision called `name`, as `index` does.

    Without `revision` the workspace is read. Raises ProjectError.
    """

    def blob(path: str, object_name: str) -> bytes:
        return git.content(root, f"{name}: {path}", object_name)

    with _refusing(name):
        return index.files_at(str(root), revision, blob) if revision else index.files(str(root))


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    """Tell what DVC raises, which is its answer; or what it makes an error of its own of."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause and not isinstance(cause, ProjectError):
            cause = cause.__cause__
        raise cause or _refusal(where, str(error) or repr(error)) from None


def _require_documents(path: Path) -> None:
    """Raise ProjectError where DVC would take a spoilt document for something else, or for ever.

    Templates take their values from the params.yaml beside it.
    """
    from dvcproject import document  # noqa: PLC0415  # what is kept needs no YAML

    params = path.with_name("params.yaml")
    try:
        if params.is_file():
            document.load(params)
    except ValueError as error:
        raise ProjectError(f"{params.name}: expected plain YAML, found {error}") from None
    try:
        found = document.load(path)
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        if isinstance(found, dict) and isinstance(found.get("stages"), dict):
            return
        reason = "another document"
    raise ProjectError(f"{path.name}: expected a mapping `stages`, found {reason}")


def _elsewhere(root: Path, named: tuple[str, ...], where: str) -> Any:
    command = [python(), str(Path(index.__file__)), str(root), *named]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise _refusal(where, done.stderr)
    return json.loads(done.stdout)


def python() -> str:
    """Return a Python that has DVC: this one, or that which runs it. Raises ProjectError."""
    if find_spec("dvc"):
        return sys.executable
    found = next(_pythons_that_run_dvc(), "")
    if not found:
        raise ProjectError(
            f"{sys.executable} has no DVC to read dvc.yaml with, and no DVC runs this; "
            "install `dvc` beside `sealed`"
        )
    return found


def _refusal(where: str, reason: str) -> ProjectError:
    line = " ".join(reason.split()).removeprefix(f"{where}: ")
    if re.search(r" validation failed(: \d+ errors)?$", line):
        file = re.search(r"'(?:\./)?([^']*\.dvc)' validation", line)
        where, says = (file[1], f"status {file[1]}") if file else (where, "stage list")
        line = f"validation failed; `dvc {says}` says where"
    return ProjectError(f"{where}: {line:.400}")


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
