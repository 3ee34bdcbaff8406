"""Stage + room + engine -> the command line that runs the stage, and its environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sealed import given
from sealed.engines import bwrap, environment, gpu, mounts
from sealed.engines.engine import Engine
from sealed.errors import StageError
from sealed.rooms import answers, checkpoints
from sealed.rooms.room import Room
from sealed.stage import Stage

MAX_PROCESSES = 4096  # threads count; numerical libraries start a few for each core
ALWAYS = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "SHELL": "/bin/sh",
    "TZ": "UTC",
}
SHELL = "/bin/sh"
PROGRAMS = (  # by which a user's programs and their libraries are found
    *("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"),
    *("PYTHONPATH", "R_HOME", "R_LIBS", "R_LIBS_USER", "JAVA_HOME"),
)
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")  # one file; which is read is the library's


def build(
    engine: Engine, stage: Stage, room: Room, environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command line that runs a command of a stage, and the environment for it."""
    declared = {name: environ[name] for name in stage.environment if environ.get(name)}
    declared |= _certificates(declared)
    paths = {name: str(path) for name, v in declared.items() if (path := given.path(v))}
    declared |= paths
    if room.kept:
        own = bwrap.CHECKPOINTS if engine.name == bwrap.NAME else str(room.kept)
        declared[checkpoints.VARIABLE] = "/checkpoints" if engine.image else own
    if engine.image:
        argv = [engine.name, "run", *_sealed(stage, room, environ), *engine.flags]
        declared |= answers.variables("/room", stage.address)
        argv += [*_mounts(room, {*paths.values(), *_outside(stage, room)})]
        argv += _variables(stage, declared)
        return [*argv, engine.image, *_program("python", stage, room)], dict(environ)
    if stage.gpu:
        declared |= gpu.for_host(environ)
    elif gpu.present():
        declared[gpu.CUDA] = "-1"
    python = _python(stage, room, environ)
    programs = _programs(stage, python, environ)
    argv = _program(str(python), stage, room)
    if engine.name != bwrap.NAME:
        declared |= answers.variables(str(room.path), stage.address)
        return argv, {**_home(room), **programs, **declared, **_always(stage)}
    shown, moved = _shown({**paths, **{path: path for path in _outside(stage, room)}}, room.project)
    before = bwrap.prefix(stage, room, programs.get("PATH", os.defpath), shown)
    home = dict.fromkeys(("HOME", "TMPDIR"), bwrap.TEMPORARY)
    declared |= {**moved, **answers.variables(str(room.project), stage.address)}
    return [*before, *argv], {**home, **programs, **declared, **_always(stage)}


def _python(stage: Stage, room: Room, environ: Mapping[str, str]) -> Path:
    """Return the Python of a stage: this one, or that of its own environment."""
    if not stage.python:
        return Path(sys.executable)
    lock = room.path / stage.python
    if not lock.is_file():
        raise StageError(f"{stage.python}: the stage runs in what it describes; add it to its deps")
    return environment.python(lock, environ)


def _program(python: str, stage: Stage, room: Room) -> list[str]:
    return [python, stage.script] if stage.script else [SHELL, "-c", room.turn]


def _programs(stage: Stage, python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what finds programs and their libraries: the user's, or for a script our Python."""
    if stage.script:
        return {"PATH": f"{python.parent}:{os.defpath}"}
    found = {name: environ[name] for name in PROGRAMS if environ.get(name)}
    if stage.python:
        found["PATH"] = f"{python.parent}:{found.get('PATH', os.defpath)}"
        found["VIRTUAL_ENV"] = str(python.parent.parent)
    return found


def _always(stage: Stage) -> dict[str, str]:
    return ALWAYS | ({"PYTHONPATH": "src"} if stage.script else {})


def _outside(stage: Stage, room: Room) -> list[str]:
    """Return the absolute paths that a stage declares: its deps, and what it may read. Raises."""
    found = [os.path.expanduser(path) for path in stage.settings.read_only]  # noqa: PTH111
    for path in found:
        if not os.path.exists(path):  # noqa: PTH110
            raise StageError(f"{path}: {stage.address} declares to read it, but it is not there")
    return found + [path for path in room.inputs.bound if path.startswith("/")]


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
        "XDG_CACHE_HOME": str(room.cache),  # what can be made again
    }


def _variables(stage: Stage, declared: Mapping[str, str]) -> list[str]:
    variables = {**declared, **_always(stage), "HOME": "/tmp"}  # noqa: S108  # a tmpfs of its own
    return [part for item in variables.items() for part in ("--env", "=".join(item))]


def _mounts(room: Room, paths: set[str]) -> list[str]:
    binds = [mounts.bind(room.path, "/room")]
    binds += [mounts.bind(room.kept, "/checkpoints")] if room.kept else []
    shown = {target: source for path in paths for target, source in mounts.shown(path).items()}
    binds += [mounts.bind(source, target, "readonly") for target, source in sorted(shown.items())]
    return [part for bind in binds for part in ("--mount", bind)]


def _sealed(stage: Stage, room: Room, environ: Mapping[str, str]) -> list[str]:
    flags = ["--rm", f"--cidfile={room.cid}", "--pull=never", "--log-driver=none"]
    flags += ["--read-only", "--tmpfs=/tmp", f"--workdir=/room/{stage.wdir}"]
    flags += ["--cap-drop=ALL", "--security-opt=no-new-privileges", f"--pids-limit={MAX_PROCESSES}"]
    if limit := environ.get("STAGE_MEMORY") or stage.settings.memory:
        flags.append(f"--memory={limit}")
    if stage.peered:
        flags.append("--network=host")  # its peers know it by this machine's address
    elif not stage.network:
        flags.append("--network=none")
    return flags
