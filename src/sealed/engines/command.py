"""Stage + room + engine -> the command line that runs the stage, and its environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sealed import given
from sealed.engines import bwrap, environment, gpu, mounts
from sealed.engines.engine import Engine
from sealed.errors import StageError
from sealed.rooms import checkpoints
from sealed.rooms.room import Room
from sealed.stage import Stage

MAX_PROCESSES = 4096  # threads count; TensorFlow starts a few for each core
ALWAYS = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": "src",
    "TZ": "UTC",
}
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")  # one file; which is read is the library's


def build(
    engine: Engine, stage: Stage, room: Room, root: Path, environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command line of a stage, and the environment to start it with."""
    declared = {name: environ[name] for name in stage.environment if environ.get(name)}
    declared |= _certificates(declared)
    paths = {name: str(path) for name, v in declared.items() if (path := given.path(v))}
    declared |= paths
    if room.kept:
        own = bwrap.CHECKPOINTS if engine.name == bwrap.NAME else str(room.kept)
        declared[checkpoints.VARIABLE] = "/checkpoints" if engine.image else own
    if engine.image:
        argv = [engine.name, "run", *_sealed(stage, room, environ), *engine.flags]
        argv += [*_mounts(room, set(paths.values())), *_variables(declared)]
        return [*argv, engine.image, "python", stage.script], dict(environ)
    if stage.gpu:
        declared |= gpu.for_host(environ)
    elif gpu.present():
        declared[gpu.CUDA] = "-1"
    python = _python(stage, room, environ)
    programs = f"{python.parent}:{os.defpath}"
    argv = [str(python), stage.script]
    if engine.name != bwrap.NAME:
        return argv, {**_home(room), "PATH": programs, **declared, **ALWAYS}
    home = {"HOME": bwrap.TEMPORARY, "PATH": programs, "TMPDIR": bwrap.TEMPORARY}
    shown, moved = _shown(paths, root)
    before = bwrap.prefix(stage, room, root, programs, shown)
    return [*before, *argv], {**home, **declared, **moved, **ALWAYS}


def _python(stage: Stage, room: Room, environ: Mapping[str, str]) -> Path:
    """Return the Python of a stage: this one, or that of its own environment."""
    if not stage.python:
        return Path(sys.executable)
    lock = room.path / stage.python
    if not lock.is_file():
        raise StageError(f"{stage.python}: the stage runs in what it describes; add it to its deps")
    return environment.python(lock, environ)


def _shown(paths: Mapping[str, str], root: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return what bwrap is to show of the paths in variables, and which of these are others there.

    A file of the project cannot be mounted in its place: the room would hold an empty one.
    """
    shown, moved = {}, {}
    for name, path in paths.items():
        found = mounts.shown(path, needed=())
        for place in [place for place in found if _is_file_of(root, place)]:
            if place != path:
                raise StageError(
                    f"{name}: {path} holds a link to {place}, a file of the project; "
                    "add it to the stage's deps, or name a folder without this link"
                )
            moved[name] = f"{bwrap.GIVEN}/{name}"
            shown[moved[name]] = found.pop(place)
        shown |= found
    return shown, moved


def _is_file_of(root: Path, place: str) -> bool:
    return Path(place).is_relative_to(root) and Path(place).is_file()


def _certificates(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the user's certificates under each name that a library may read them by."""
    given = [declared[name] for name in CERTIFICATES if name in declared]
    return {name: declared.get(name, given[0]) for name in CERTIFICATES if given}


def _home(room: Room) -> dict[str, str]:
    """Return what a program on the host needs; nothing of the user's own settings."""
    return {
        "HOME": str(room.tmp),
        "TMPDIR": str(room.tmp),
        "XDG_CACHE_HOME": str(room.folder.parent.parent / "cache"),  # what can be made again
    }


def _variables(declared: Mapping[str, str]) -> list[str]:
    variables = {**declared, **ALWAYS, "HOME": "/tmp"}  # noqa: S108  # a tmpfs of its own
    return [part for item in variables.items() for part in ("--env", "=".join(item))]


def _mounts(room: Room, paths: set[str]) -> list[str]:
    binds = [mounts.bind(room.path, "/room")]
    binds += [mounts.bind(room.kept, "/checkpoints")] if room.kept else []
    shown = {target: source for path in paths for target, source in mounts.shown(path).items()}
    binds += [mounts.bind(source, target, "readonly") for target, source in sorted(shown.items())]
    return [part for bind in binds for part in ("--mount", bind)]


def _sealed(stage: Stage, room: Room, environ: Mapping[str, str]) -> list[str]:
    flags = ["--rm", f"--cidfile={room.cid}", "--pull=never", "--log-driver=none"]
    flags += ["--read-only", "--tmpfs=/tmp", "--workdir=/room"]
    flags += ["--cap-drop=ALL", "--security-opt=no-new-privileges", f"--pids-limit={MAX_PROCESSES}"]
    if environ.get("STAGE_MEMORY"):
        flags.append(f"--memory={environ['STAGE_MEMORY']}")
    if not stage.network:
        flags.append("--network=none")
    return flags
