"""A stage and the file that declares it, as DVC resolves them; paths are those of the project."""

import posixpath
from typing import Any, NamedTuple

from dvcproject.address import PIPELINE


class Out(NamedTuple):
    """An output of a stage, or what a .dvc file tracks."""

    path: str  # or a URL
    cached: bool  # DVC keeps it in its cache
    persistent: bool  # DVC leaves it in place when the stage runs again
    metric: bool
    plot: dict[str, Any] | bool  # how it is drawn, if it is a plot


class Stage(NamedTuple):
    """A stage; a .dvc file has one without a name and commands."""

    file: str  # that declares it
    name: str
    wdir: str
    commands: tuple[str, ...]
    deps: tuple[str, ...]
    params: dict[str, list[str]]  # file -> keys; none of them: the whole file
    outs: tuple[Out, ...]
    meta: Any
    frozen: bool

    @property
    def address(self) -> str:
        """Its name among all stages of the project, as DVC writes it in the root."""
        return self.name if self.file == PIPELINE else f"{self.file}:{self.name}"


class File(NamedTuple):
    """A dvc.yaml or .dvc file; what it declares outside its stages is relative to its folder."""

    path: str
    stages: tuple[Stage, ...]
    plots: Any = ()
    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    artifacts: dict[str, Any] = {}  # noqa: RUF012

    @property
    def folder(self) -> str:
        """The folder that it lies in; nothing for the project's own."""
        return posixpath.dirname(self.path)


def file_of(found: dict[str, Any]) -> File:
    """Return a file of what DVC answers, see `declared.index`."""
    stages = tuple(_stage_of(stage) for stage in found["stages"])
    return File(**{**found, "stages": stages})


def _stage_of(found: dict[str, Any]) -> Stage:
    outs = tuple(
        Out(out["path"], out["cache"], out["persist"], out["metric"], out["plot"])
        for out in found["outs"]
    )
    texts = {name: tuple(found[name]) for name in ("commands", "deps")}
    return Stage(**{**found, **texts, "outs": outs})
