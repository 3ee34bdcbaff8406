"""Stage + room + engine -> the command line that runs the stage, and its environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sealed.engines import answer, bwrap, environment, given, gpu, mounts, slurm
from sealed.engines.engine import Engine
from sealed.errors import StageError
from sealed.rooms import checkpoints, dvc_repository
from sealed.rooms.room import Room
from sealed.stage import Stage
from sealed.watch import audit

MAX_PROCESSES = 4096  # threads count; numerical libraries start a few for each core
ALWAYS = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "SHELL": "/bin/sh",
    "TZ": "UTC",
}
SHELL = "/bin/sh"
PEER = "STAGE_PEER"  # the stage finds here that another run of it publishes
ROOM, CHECKPOINTS = "/room", "/checkpoints"  # in a container
HOOK, LOG = "/sealed/hook", "/sealed/asked"
PROGRAMS = (  # by which a user's programs and their libraries are found
    *("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"),
    *("PYTHONPATH", "R_HOME", "R_LIBS", "R_LIBS_USER", "JAVA_HOME"),
)
STARTS = ("LD_LIBRARY_PATH", "PYTHONHOME")  # without which a Python of a cluster may not start
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")  # one file; which is read is the library's


def build(
    engine: Engine, stage: Stage, room: Room, environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command line that runs a command of a stage, and the environment for it."""
    declared = {name: environ[name] for name in stage.environment if environ.get(name)}
    declared |= _certificates(declared) | ({PEER: "1"} if room.peer else {})
    paths = {name: str(path) for name, v in declared.items() if (path := given.path(v))}
    if engine.image:
        declared |= dvc_repository.variables(ROOM, stage.address)
        flags = [*_sealed(stage, room, environ), *engine.flags]
        named = {path for path in paths.values() if not mounts.hides(path)}
        flags += _mounts(room, {*named, *_outside(stage, room)})
        return _in_container(engine, stage, room, declared, flags), dict(environ)
    if stage.gpu and not engine.is_job:
        declared |= gpu.for_host(environ)
    elif not stage.gpu and (engine.is_job or gpu.present()):
        declared[gpu.CUDA] = "-1"
    python = _python(stage, room, environ)
    argv = _program(str(python), stage, room)
    programs = _programs(stage, python, environ)
    if engine.name == bwrap.NAME:
        prefix, own = _in_bwrap(stage, room, programs.get("PATH", os.defpath), paths)
        argv, watched = [*prefix, *argv], Path(bwrap.TEMPORARY)
    else:
        own, watched = _home(room), room.tmp
    declared |= dvc_repository.variables(seen(engine, room), stage.address)
    found = {**programs, **declared, **own, **_always(stage)}
    log, hook = watched / room.log.name, watched / room.hook.name
    found |= audit.variables(found, log, hook)
    if engine.is_job:
        return slurm.client(argv, found, stage, room, engine.flags), slurm.environment(environ)
    return argv, found


def seen(engine: Engine, room: Room) -> str:
    """Return the path at which a stage sees its room."""
    if engine.image:
        return ROOM
    return str(room.project if engine.name == bwrap.NAME else room.path)


def _in_container(
    engine: Engine, stage: Stage, room: Room, declared: dict[str, str], flags: list[str]
) -> list[str]:
    """Return the command line of a container."""
    if room.kept:
        declared[checkpoints.VARIABLE] = CHECKPOINTS
    known = {"PYTHONPATH": engine.python_path, **declared, **_always(stage)}
    known |= {"HOME": "/tmp"} | audit.variables(known, LOG, HOOK)  # noqa: S108  # of its own
    argv = [engine.name, "run", *flags]
    argv += [part for item in known.items() for part in ("--env", "=".join(item))]
    return [*argv, engine.image, *_program("python", stage, room)]


def _in_bwrap(
    stage: Stage, room: Room, path: str, paths: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return what goes before a command, and variables that the stage sees as they are there."""
    outside = {path: path for path in _outside(stage, room)}
    shown = _shown({**paths, **outside}, room)
    own = dict.fromkeys(("HOME", "TMPDIR"), bwrap.TEMPORARY)
    if room.kept:
        own[checkpoints.VARIABLE] = bwrap.CHECKPOINTS
    return bwrap.prefix(stage, room, path, shown), own


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
        return {"PATH": f"{python.parent}:{os.defpath}"} | _to_start(python, environ)
    found = {name: environ[name] for name in PROGRAMS if environ.get(name)}
    if stage.python:
        found["PATH"] = f"{python.parent}:{found.get('PATH', os.defpath)}"
        found["VIRTUAL_ENV"] = str(python.parent.parent)
    return found


def _to_start(python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without which a Python does not start, where it needs them."""
    found = {name: environ[name] for name in STARTS if environ.get(name)}
    if not found:
        return {}
    command = (str(python), "-S", "-c", "")
    return found if answer.ask(*command, advice="run it again", environ={}).returncode else {}


def _always(stage: Stage) -> dict[str, str]:
    return ALWAYS | ({"PYTHONPATH": "src"} if stage.script else {})


def _outside(stage: Stage, room: Room) -> list[str]:
    """Return the absolute paths that a stage declares: its deps, and what it may read. Raises."""
    found = [os.path.expanduser(path) for path in stage.settings.read_only]  # noqa: PTH111
    for path in found:
        if not os.path.exists(path):  # noqa: PTH110
            raise StageError(f"{path}: {stage.address} declares to read it, but it is not there")
    return found + [path for path in room.inputs.bound if path.startswith("/")]


def _shown(paths: Mapping[str, str], room: Room) -> dict[str, Path]:
    """Return what bwrap is to show of the paths in variables, each at its own place."""
    shown: dict[str, Path] = {}
    for name, path in paths.items():
        found = mounts.shown(path, needed=())
        for place in [place for place in found if _is_file_of(room.project, place)]:
            if place != path:
                raise StageError(
                    f"{name}: {path} holds a link to {place}, a file of the project; "
                    "add it to the stage's deps, or name a folder without this link"
                )
            room.hold(Path(place).relative_to(room.project))
        shown |= found
    return shown


def _is_file_of(root: Path, place: str) -> bool:
    return Path(place).is_relative_to(root) and Path(place).is_file()


def _certificates(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the user's certificates under each name that a library may read them by."""
    given = [declared[name] for name in CERTIFICATES if name in declared]
    return {name: declared.get(name, given[0]) for name in CERTIFICATES if given}


def _home(room: Room) -> dict[str, str]:
    """Return what a program on the host needs; nothing of the user's own settings."""
    kept = {checkpoints.VARIABLE: str(room.kept)} if room.kept else {}
    return kept | {
        "HOME": str(room.tmp),
        "TMPDIR": str(room.tmp),
        "XDG_CACHE_HOME": str(room.cache),  # what can be made again
    }


def _mounts(room: Room, paths: set[str]) -> list[str]:
    binds = [mounts.bind(room.path, ROOM), mounts.bind(room.log, LOG)]
    binds += [mounts.bind(room.kept, CHECKPOINTS)] if room.kept else []
    shown = {target: source for path in paths for target, source in mounts.shown(path).items()}
    inside = {path: source for path, source in room.inputs.bound.items() if path[0] != "/"}
    shown |= {f"{ROOM}/{path}": source for path, source in inside.items()}
    shown[HOOK] = room.hook
    binds += [mounts.bind(source, target, "readonly") for target, source in sorted(shown.items())]
    return [part for bind in binds for part in ("--mount", bind)]


def _sealed(stage: Stage, room: Room, environ: Mapping[str, str]) -> list[str]:
    flags = ["--rm", f"--cidfile={room.cid}", "--pull=never", "--log-driver=none"]
    flags += ["--read-only", "--tmpfs=/tmp", f"--workdir={ROOM}/{stage.wdir}"]
    flags += ["--cap-drop=ALL", "--security-opt=no-new-privileges", f"--pids-limit={MAX_PROCESSES}"]
    if limit := environ.get("STAGE_MEMORY") or stage.settings.memory:
        flags.append(f"--memory={limit}")
    if stage.peered:
        flags.append("--network=host")  # its peers know it by this machine's address
    elif not stage.network:
        flags.append("--network=none")
    return flags
