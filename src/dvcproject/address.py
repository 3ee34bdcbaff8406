"""Which stage is meant: by DVC, which starts a command of it, or by name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dvcproject import root as project
from dvcproject.errors import ProjectError

PIPELINE = "dvc.yaml"


def is_dvcs(path: str) -> bool:
    """Tell whether a file is one of DVC's own, which it takes for no dep."""
    return path.endswith(".dvc") or path.rpartition("/")[2] == PIPELINE


class Address(NamedTuple):
    """A stage, known before its dvc.yaml is read."""

    root: Path  # the project: DVC's root
    file: str  # the dvc.yaml, relative to it
    name: str
    wdir: str  # where its paths start, relative to the project

    def __str__(self) -> str:
        """Write it as DVC does in the project's root."""
        return self.name if self.file == PIPELINE else f"{self.file}:{self.name}"


def of_name(name: str, root: Path) -> Address:
    """Return stage `name` of the dvc.yaml in `root`."""
    return Address(root, PIPELINE, name, ".")


def of_command(environ: Mapping[str, str]) -> Address:
    """Return the stage that DVC starts this process for, in the stage's working directory.

    DVC_STAGE is relative to the folder that DVC runs in. Raises ProjectError.
    """
    if "DVC_STAGE" not in environ:
        raise ProjectError("this DVC does not say which stage it runs; install DVC 3.49 or later")
    file, _, name = environ["DVC_STAGE"].rpartition(":")
    try:
        folder = Path(os.readlink(f"/proc/{os.getppid()}/cwd"))  # noqa: PTH115
    except OSError:  # another user's process, or none that can be seen
        folder = Path.cwd()
    path = Path(os.path.abspath(folder / (file or PIPELINE)))  # noqa: PTH100
    if not path.is_file():
        raise ProjectError(f"DVC_STAGE={environ['DVC_STAGE']}: expected {path}, found no such file")
    root = project.find(path.parent)
    return Address(root, str(path.relative_to(root)), name, os.path.relpath(Path.cwd(), root))
