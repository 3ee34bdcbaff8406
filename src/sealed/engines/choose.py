"""Which engine runs a stage: the one that STAGE_ENGINE names, otherwise the first that can.

Other packages add engines by the entry point group `sealed.engines`. These are looked up only
where a name is not one of ours, because that takes time.
"""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sealed.engines.base import Engine
from sealed.errors import StageError
from sealed.stage import Stage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

VARIABLE = "STAGE_ENGINE"
GROUP = "sealed.engines"
BUILT_IN = {  # by name; a module is imported only where its engine is tried
    "docker": ("sealed.engines.container.engine", "Container"),
    "podman": ("sealed.engines.container.engine", "Container"),
    "bwrap": ("sealed.engines.bwrap", "Bwrap"),
    "host": ("sealed.engines.host", "Host"),
    "slurm": ("sealed.engines.slurm.engine", "Slurm"),
}
UNASKED = ("docker", "podman", "bwrap", "host")  # in the order in which they are tried


def find(name: str) -> Engine | None:
    """Return the engine of this name; None where there is none. Raises StageError."""
    if name in BUILT_IN:
        module, attribute = BUILT_IN[name]
        built_in: Engine = getattr(importlib.import_module(module), attribute)(name)
        return built_in
    for entry in _added().select(name=name):
        try:
            added: Engine = entry.load()(name)
        except (ImportError, AttributeError) as error:
            raise StageError(
                f"{VARIABLE}={name}: {entry.value} cannot be imported ({error}); "
                "reinstall the package that it belongs to"
            ) from None
        return added
    return None


def require(environ: Mapping[str, str]) -> None:
    """Raise StageError where STAGE_ENGINE names no engine, or one that does not work here."""
    if name := environ.get(VARIABLE, ""):
        _named(name).require()


def choose(stage: Stage, root: Path, environ: Mapping[str, str]) -> Engine:
    """Return the engine for a stage, ready to run it. Raises StageError where there is none."""
    name = environ.get(VARIABLE, "")
    if not name:
        return _first(stage, root, environ)
    engine = _named(name)
    if not _fits(engine, stage):
        declared = f"image: {stage.image}" if stage.image else f"python: {stage.python}"
        raise StageError(
            f"{VARIABLE}={name}: {stage.name} declares `{declared}`, which {name} cannot give it; "
            f"set {VARIABLE}={next(_fitting(stage)).name}"
        )
    engine.reasons = [f"{VARIABLE}={name}"]
    engine.prepare(stage, root, environ)
    return engine


def _first(stage: Stage, root: Path, environ: Mapping[str, str]) -> Engine:
    """Return the first engine that can run a stage; the refusals of those before are reasons."""
    reasons = [f"{VARIABLE} unset"]
    for engine in _fitting(stage):
        engine.reasons = list(dict.fromkeys(reasons))
        try:
            engine.prepare(stage, root, environ)
        except StageError as refusal:
            reasons.append(str(refusal).partition(";")[0])
        else:
            return engine
    raise StageError("; ".join([*reasons, f"{stage.name} declares `image: {stage.image}`"]))


def _fitting(stage: Stage) -> Iterator[Engine]:
    """Yield the engines, the preferred one first, that can give a stage what it declares."""
    return (engine for engine in map(_named, UNASKED) if _fits(engine, stage))


def _fits(engine: Engine, stage: Stage) -> bool:
    if stage.image:
        return engine.runs_images
    return engine.runs_python or not stage.python


def _named(name: str) -> Engine:
    if engine := find(name):
        return engine
    *names, last = [*BUILT_IN, *sorted(_added().names)]
    raise StageError(f"{VARIABLE}: expected {', '.join(names)} or {last}, found {name!r}")


def _added() -> "EntryPoints":
    from importlib.metadata import entry_points  # noqa: PLC0415  # takes time

    return entry_points(group=GROUP)
