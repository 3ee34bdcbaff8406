"""A container engine as people have it: what answers to its name here, and what that can do."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sealed.engines import answer, image, mounts
from sealed.errors import StageError

CATATONIT = (  # where podman looks for what --init starts
    "/usr/libexec/podman/catatonit",
    "/usr/local/libexec/podman/catatonit",
    "/usr/local/lib/podman/catatonit",
    "/usr/bin/catatonit",
)


class Client(NamedTuple):
    """An engine that answers, and its image for this project."""

    name: str
    image: str
    podman: bool  # `docker` may be podman too
    rootless: bool  # root in a container is you outside
    remapped: bool  # nobody in a container is you outside: `dockerd --userns-remap`
    machine: str  # where containers run
    python_path: str = ""  # PYTHONPATH in the image


def find(name: str, root: Path, own: str = "", deps: tuple[str, ...] = ()) -> Client:
    """Return engine `name` with its image for the project in `root`, or say what is missing.

    `own` is the image of a stage that has one of its own; from a folder it is built here.
    """
    _require_on_path(name)
    tag, path = _own(name, *image.own(own, deps, root)) if own else _image(name, root)
    client = _describe(name, tag)._replace(python_path=path)
    if client.machine != os.uname().nodename:  # it is another machine, or this is a container
        _look(client, root)
    return client


def require(name: str) -> None:
    """Raise StageError where an engine is not installed or does not answer."""
    _require_on_path(name)
    if (done := _ask(name, "info")).returncode:
        raise _silent(name, done)


def _require_on_path(name: str) -> None:
    if shutil.which(name) is None:
        raise StageError(f"{name}: not on PATH; install it, or set STAGE_ENGINE=host")


def _silent(name: str, done: subprocess.CompletedProcess[str]) -> StageError:
    return StageError(
        f"{name}: does not answer: {_last(done)}; "
        f"start it and try `{name} info`, or set STAGE_ENGINE=host"
    )


def _image(name: str, root: Path) -> tuple[str, str]:
    """Return the project's image, the first that is built, and what `_looked_up` says of it."""
    candidates = image.tags(root)
    for tag in candidates:
        if (path := _looked_up(name, tag)) is not None:
            return tag, path
    if not candidates:
        raise StageError(
            f"{name}: {image.DECLARED} declares no image, nor does the stage's meta; "
            "set STAGE_ENGINE=host"
        )
    raise StageError(
        f"{name}: image {candidates[0]} is not built; {_how(name, candidates[0], root)}"
    )


def _how(name: str, tag: str, root: Path) -> str:
    """Say how an image is built: where the Makefile can do it, by that."""
    makefile = root / "Makefile"
    if makefile.exists() and "\nimage:" in makefile.read_text(encoding="utf-8", errors="replace"):
        return f"run `make image ENGINE={name}`"
    return f"run `{name} build --tag {tag} .` with the Dockerfile and the lock of {image.DECLARED}"


def _own(name: str, tag: str, folder: Path | None) -> tuple[str, str]:
    """Return a stage's own image, built if it is to be and is not yet."""
    if (path := _looked_up(name, tag)) is not None:
        return tag, path
    if folder is None:
        raise StageError(f"{name}: image {tag} is not here; run `{name} pull {tag}`")
    print(f"building the image of {folder}, once: {tag}", file=sys.stderr, flush=True)
    flags = shlex.split(os.environ.get("STAGE_BUILD_FLAGS", ""))
    built = [name, "build", "--tag", tag, *flags, str(folder)]
    if subprocess.run(built, stdout=sys.stderr, check=False).returncode:  # noqa: S603
        raise StageError(f"{name}: the image of {folder} cannot be built; what it says is above")
    return tag, _looked_up(name, tag) or ""


def _looked_up(name: str, tag: str) -> str | None:
    """Return PYTHONPATH in an image, often empty; None where the engine has no such image."""
    done = _ask(name, "image", "inspect", "--format", "{{json .Config.Env}}", tag)
    if done.returncode and "no such image" not in done.stderr.lower():
        if "not known" in done.stderr:  # podman's way to say it
            return None
        raise _silent(name, done)
    if done.returncode:
        return None
    with suppress(ValueError, TypeError, AttributeError):  # it declares none
        pairs = (variable.partition("=") for variable in json.loads(done.stdout))
        return next((value for key, _, value in pairs if key == "PYTHONPATH"), "")
    return ""


def _describe(name: str, tag: str) -> Client:
    """Ask the engine what it is; what it does not say is as it is most often."""
    here = os.uname().nodename
    try:
        info = json.loads(_ask(name, "info", "--format", "{{json .}}").stdout)
    except ValueError:
        info = None
    if not isinstance(info, dict):
        podman = name == "podman"
        return Client(name, tag, podman, podman and os.getuid() != 0, False, here)
    if host := info.get("host"):
        found = host.get("security", host)  # podman before 2.0 has it there
        rootless = found.get("rootless", os.getuid() != 0)
        return Client(name, tag, True, rootless, False, host.get("hostname", here))
    options = {option.split(",")[0] for option in info.get("SecurityOptions") or []}
    rootless, remapped = "name=rootless" in options, "name=userns" in options
    return Client(name, tag, False, rootless, remapped, info.get("Name", here))


def _look(client: Client, root: Path) -> None:
    """Raise StageError unless the engine sees what lies in the project."""
    folder = root / ".dvc/tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="look-", dir=folder) as fresh:
        mount = mounts.bind(Path(fresh), "/room")
        made = _ask(client.name, "create", "--pull=never", "--mount", mount, client.image, "true")
    if made.returncode:
        raise StageError(
            f"{client.name}: runs on {client.machine} and does not see {root} ({_last(made)}); "
            "mount the project there at the same path, or set STAGE_ENGINE=host"
        )
    _ask(client.name, "rm", made.stdout.strip())


def flags(client: Client, gpus: str = "") -> tuple[str, ...]:
    """Return what this engine needs for a stage to be you, to hear a signal and to have GPUs."""
    found = [f"--user={os.getuid()}:{os.getgid()}"]
    if client.podman:
        found.append("--security-opt=label=disable")  # SELinux would hide the room
        found += ["--userns=keep-id"] * client.rootless
    elif client.rootless:
        found = ["--user=0:0"]
    elif client.remapped:
        found.append("--userns=host")
    if not client.podman or any(map(os.path.exists, CATATONIT)):
        # without, SIGTERM is not heard and the stage is killed a little later
        found.append("--init")
    if gpus and client.podman:
        found += [f"--device=nvidia.com/gpu={card}" for card in gpus.split(",")]
    elif gpus:
        found.append("--gpus=all" if gpus == "all" else f'--gpus="device={gpus}"')  # CSV
    return tuple(found)


def refusal(client: Client, gpus: str) -> str:
    """Start a container with these GPUs; return what the engine says against it, if it does."""
    given = ["--rm", "--pull=never", "--network=none", *flags(client, gpus)]
    started = _ask(client.name, "run", *given, client.image, "true")
    return _last(started) if started.returncode else ""


def _ask(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return answer.ask(name, *arguments, advice="restart it, or set STAGE_ENGINE=host")


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line by which an engine says what is wrong."""
    lines = [
        line for line in done.stderr.splitlines() if line and not line.startswith("Run 'docker")
    ]
    return lines[-1].partition(";")[0] if lines else f"exit status {done.returncode}"
