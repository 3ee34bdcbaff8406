"""Where a stage runs: docker, podman or the host's Python; stage and room -> a command line."""

import csv
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sealed import checkpoints, image
from sealed.errors import StageError
from sealed.room import Room
from sealed.stage import Stage

HOST = "host"
CONTAINERS = ("docker", "podman")
ANSWER_SECONDS = 20
MAX_PROCESSES = 4096  # threads count; TensorFlow starts a few for each core
ALWAYS = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": "src",
    "TZ": "UTC",
}


class Engine(NamedTuple):
    """One way to run a stage, and why it was taken."""

    name: str
    image: str
    reason: str

    def __str__(self) -> str:
        """Say it in a line."""
        project = Path(sys.prefix).name == ".venv"
        host = "on the host" if project else f"on the host, with {sys.executable}"
        where = f"in {self.name}, image {self.image}" if self.image else host
        return f"{where} ({self.reason})"


def choose(root: Path, environ: Mapping[str, str], *, gpu: bool) -> Engine:
    """Choose by STAGE_ENGINE; unset: a container if one can be had now, else the host.

    Raises StageError where the engine that was asked for cannot run the stage.
    """
    asked = environ.get("STAGE_ENGINE", "")
    if asked == HOST:
        return Engine(HOST, "", "STAGE_ENGINE=host")
    if asked in CONTAINERS:
        return Engine(asked, _usable(asked, root, gpu=gpu), f"STAGE_ENGINE={asked}")
    if asked:
        raise StageError(f"STAGE_ENGINE: expected docker, podman or host, found {asked!r}")
    reasons = []
    for name in CONTAINERS:
        try:
            return Engine(name, _usable(name, root, gpu=gpu), "STAGE_ENGINE unset, image built")
        except StageError as reason:
            reasons.append(str(reason).partition(";")[0])
    return Engine(HOST, "", "STAGE_ENGINE unset; " + "; ".join(reasons))


def _usable(name: str, root: Path, *, gpu: bool) -> str:
    """Return the image that engine `name` has for this project, or say what is missing."""
    if shutil.which(name) is None:
        raise StageError(f"{name}: not on PATH; install it, or set STAGE_ENGINE=host")
    locks = image.locks(root, gpu=gpu) if (root / image.DOCKERFILE).exists() else []
    candidates = [image.tag(lock, root) for lock in locks]
    for tag in candidates:
        if _inspect(name, tag):
            return tag
    if not candidates:
        raise StageError(
            f"{name}: no Dockerfile with a lock beside dvc.yaml; set STAGE_ENGINE=host"
        )
    raise StageError(f"{name}: image {candidates[0]} is not built; run `make image ENGINE={name}`")


def _inspect(name: str, tag: str) -> bool:
    command = [name, "image", "inspect", "--format", "{{.Id}}", tag]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise StageError(
            f"{name}: no answer in {ANSWER_SECONDS} s; restart it, or set STAGE_ENGINE=host"
        ) from None
    error = done.stderr.strip()
    if done.returncode and "no such image" not in error.lower() and "not known" not in error:
        last = error.splitlines()[-1] if error else f"exit status {done.returncode}"
        raise StageError(
            f"{name}: does not answer: {last.partition(';')[0]}; "
            f"start it and try `{name} info`, or set STAGE_ENGINE=host"
        )
    return done.returncode == 0


def command(
    engine: Engine, stage: Stage, room: Room, environ: Mapping[str, str], *, gpu: bool
) -> tuple[list[str], dict[str, str]]:
    """Return the command line of a stage, and the environment to start it with."""
    declared = {name: environ[name] for name in stage.environment if environ.get(name)}
    paths = {name: str(Path(v).absolute()) for name, v in declared.items() if Path(v).exists()}
    declared |= paths
    if room.kept:
        declared[checkpoints.VARIABLE] = "/checkpoints" if engine.image else str(room.kept)
    if engine.name == HOST:
        return [sys.executable, stage.script], {**_home(room), **declared, **ALWAYS}
    variables = {**declared, **ALWAYS, "HOME": "/tmp"}  # noqa: S108  # a tmpfs of its own
    mounts = [_mount(room.path, "/room")]
    mounts += [_mount(room.kept, "/checkpoints")] if room.kept else []
    mounts += [_mount(Path(path), path, "readonly") for path in sorted(set(paths.values()))]
    argv = [engine.name, "run", *_flags(engine.name, stage, room, environ, gpu=gpu)]
    argv += [part for mount in mounts for part in ("--mount", mount)]
    argv += [part for item in variables.items() for part in ("--env", "=".join(item))]
    return [*argv, engine.image, "python", stage.script], dict(environ)


def _home(room: Room) -> dict[str, str]:
    """Return what a program on the host needs; nothing of the user's own settings."""
    return {
        "HOME": str(room.tmp),
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "TMPDIR": str(room.tmp),
        "XDG_CACHE_HOME": str(room.folder.parent.parent / "cache"),  # what can be made again
    }


def _mount(source: Path, target: str, *options: str) -> str:
    line = io.StringIO()  # a value of --mount is a line of CSV
    csv.writer(line, lineterminator="").writerow(
        ["type=bind", f"source={source.absolute()}", f"target={target}", *options]
    )
    return line.getvalue()


def _flags(
    name: str, stage: Stage, room: Room, environ: Mapping[str, str], *, gpu: bool
) -> list[str]:
    flags = ["--rm", "--init", f"--cidfile={room.cid}", "--pull=never", "--log-driver=none"]
    flags += [f"--user={os.getuid()}:{os.getgid()}", "--read-only", "--tmpfs=/tmp"]
    flags += ["--cap-drop=ALL", "--security-opt=no-new-privileges"]
    flags += [f"--pids-limit={MAX_PROCESSES}", "--workdir=/room"]
    if environ.get("STAGE_MEMORY"):
        flags.append(f"--memory={environ['STAGE_MEMORY']}")
    if not stage.network:
        flags.append("--network=none")
    if gpu:
        flags += ["--gpus=all"] if name == "docker" else ["--device=nvidia.com/gpu=all"]
    if name == "podman":
        flags.append("--security-opt=label=disable")  # SELinux would hide the room
        if os.getuid():
            flags.append("--userns=keep-id")  # rootless: you inside are you outside
    return flags


def explain(status: int, engine: Engine, stage: Stage, environ: Mapping[str, str]) -> str:
    """Say what an exit status of the stage's process means, and what to do next."""
    if status in {137, -9}:
        limit = environ.get("STAGE_MEMORY")
        bound = f"the limit is STAGE_MEMORY={limit}" if limit and engine.image else "see `dmesg`"
        return f"{stage.script} was killed (SIGKILL), most often for want of memory; {bound}"
    if engine.image:
        match status:
            case 125:
                return f"{engine.name} could not run the container; its own message is above"
            case 126:
                return f"`python` in {engine.image} cannot be executed; run `make image`"
            case 127:
                return f"there is no `python` in {engine.image}; run `make image`"
    if status < 0:
        return f"{stage.script} was ended by signal {-status}"
    return f"{stage.script} failed with exit status {status}"


def discard(folder: Path) -> None:
    """Remove the container whose launcher was killed, if it still runs."""
    cid = folder / "cid"
    if cid.exists() and (name := (folder / "engine").read_text(encoding="utf-8")):
        remove(name, cid)


def remove(name: str, cid: Path) -> None:
    """End and remove the container whose id is in the file `cid`, if there is one."""
    if cid.exists() and (container := cid.read_text(encoding="utf-8").strip()):
        subprocess.run(  # noqa: S603
            [name, "rm", "--force", container],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
            check=False,
        )
