"""Stage + room + engine -> the command line that runs the stage, and its environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sealed import given
from sealed.engines import gpu, mounts
from sealed.engines.engine import Engine
from sealed.rooms import answers, checkpoints
from sealed.rooms.room import Room
from sealed.stage import Stage

MAX_PROCESSES = 4096  # threads count; TensorFlow starts a few for each core
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
        declared[checkpoints.VARIABLE] = "/checkpoints" if engine.image else str(room.kept)
    if engine.image:
        argv = [engine.name, "run", *_sealed(stage, room, environ), *engine.flags]
        declared |= answers.variables("/room", stage.address)
        argv += [*_mounts(room, set(paths.values())), *_variables(stage, declared)]
        return [*argv, engine.image, *_program("python", stage, room)], dict(environ)
    if stage.gpu:
        declared |= gpu.for_host(environ)
    elif gpu.present():
        declared[gpu.CUDA] = "-1"
    declared |= answers.variables(str(room.path), stage.address)
    variables = {**_home(room), **_programs(stage, environ), **declared, **_always(stage)}
    return _program(sys.executable, stage, room), variables


def _program(python: str, stage: Stage, room: Room) -> list[str]:
    return [python, stage.script] if stage.script else [SHELL, "-c", room.turn]


def _programs(stage: Stage, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what finds programs and their libraries: the user's, or for a script our Python."""
    if stage.script:
        return {"PATH": f"{Path(sys.executable).parent}:{os.defpath}"}
    return {name: environ[name] for name in PROGRAMS if environ.get(name)}


def _always(stage: Stage) -> dict[str, str]:
    return ALWAYS | ({"PYTHONPATH": "src"} if stage.script else {})


def _certificates(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the user's certificates under each name that a library may read them by."""
    given = [declared[name] for name in CERTIFICATES if name in declared]
    return {name: declared.get(name, given[0]) for name in CERTIFICATES if given}


def _home(room: Room) -> dict[str, str]:
    """Return what a program on the host needs; nothing of the user's own settings."""
    return {
        "HOME": str(room.tmp),
        "PATH": os.defpath,
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
    if environ.get("STAGE_MEMORY"):
        flags.append(f"--memory={environ['STAGE_MEMORY']}")
    if not stage.network:
        flags.append("--network=none")
    return flags
