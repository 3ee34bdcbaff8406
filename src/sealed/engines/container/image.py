"""The image that stages run in: its tag is a digest of what it is built from.

A project declares it in a file of its own, `sealed.toml`; a Dockerfile that merely lies there may
be that of an app, and is left alone:

    [image]
    dockerfile = "Dockerfile"
    lock = "requirements.lock"          # what it installs
    gpu_lock = "requirements-gpu.lock"  # may be left out: the same for a machine with a GPU

`python -m sealed.engines.container.image tag [LOCK]` prints the tag, `... lock` the lock that this
machine prefers.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dvcproject import document
from dvcproject.root import find
from sealed.engines import gpu
from sealed.engines.container import installation
from sealed.errors import StageError
from sealed.stage import Stage

DECLARED = "sealed.toml"
DOCKERFILE = "Dockerfile"  # of a stage's own image


class Image(NamedTuple):
    """What the image of a project is built from: files in it."""

    dockerfile: str
    lock: str
    gpu_lock: str = ""

    @property
    def locks(self) -> list[str]:
        """The locks, the one that this machine prefers first."""
        both = [self.gpu_lock, self.lock] if gpu.present() else [self.lock, self.gpu_lock]
        return list(filter(None, both))


def declared(root: Path) -> Image | None:
    """Return what the project in `root` declares; None where it does not. Raises StageError."""
    path = root / DECLARED
    if not path.exists():
        return None
    import tomllib  # noqa: PLC0415  # only for a container

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageError(f"{DECLARED}: expected TOML, found {document.reason(error)}") from None
    entry = found.pop("image", None)
    keys = entry.keys() if isinstance(entry, dict) else set()
    if found or keys - set(Image._fields) or not {"dockerfile", "lock"} <= keys:
        wrong = ", ".join([*keys, *found]) if keys or found else repr(entry)
        raise StageError(
            f"{DECLARED}: expected `[image]` with `dockerfile`, `lock` and maybe `gpu_lock`, found "
            f"{wrong}; correct it"
        )
    image = Image(**entry)
    for name in image:
        if not isinstance(name, str) or (name and not (root / name).is_file()):
            raise StageError(f"{DECLARED}: expected a file of the project, found {name!r}")
    return image


def tags(root: Path) -> list[str]:
    """Return the names of the images of the project in `root`, the preferred one first."""
    image = declared(root)
    return [_tag(image, lock, root) for lock in image.locks] if image else []


def tag(lock: str, root: Path) -> str:
    """Return the name of the image that the project's Dockerfile makes of `lock`."""
    image = declared(root)
    if image is None:
        raise StageError(f"{DECLARED}: expected it to declare an image, found none")
    return _tag(image, lock, root)


def _tag(image: Image, lock: str, root: Path) -> str:
    digest = sha256()
    for name in (image.dockerfile, lock):
        digest.update(sha256((root / name).read_bytes()).digest())
    return f"localhost/stages:{digest.hexdigest()[:16]}"


def own(name: str, deps: tuple[str, ...], root: Path) -> tuple[str, Path | None]:
    """Return a stage's own image, and the folder that it is built from where the stage has one.

    Raises StageError where the folder is no dep: what runs would change and the stage would not.
    """
    folder = root / name
    if not folder.is_dir():
        return name, None
    if not (folder / DOCKERFILE).is_file():
        raise StageError(f"{name}: expected a folder with a {DOCKERFILE}, found none")
    if not any(PurePosixPath(name).is_relative_to(dep) for dep in deps):
        raise StageError(f"{name}: the stage runs in what it describes; add it to its deps")
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
        digest.update(sha256(path.read_bytes()).digest())
    return f"localhost/stages:{digest.hexdigest()[:16]}", folder


def built(name: str, stage: Stage, root: Path) -> tuple[str, str]:
    """Return the image of a stage in engine `name`, and PYTHONPATH in it. Raises StageError."""
    if stage.image:
        return _own(name, *own(stage.image, stage.deps, root))
    candidates = tags(root)
    for tag in candidates:
        if (path := _python_path(name, tag)) is not None:
            return tag, path
    if not candidates:
        raise StageError(
            f"{name}: {DECLARED} declares no image, nor does the stage's meta; "
            "set STAGE_ENGINE=host"
        )
    raise StageError(
        f"{name}: image {candidates[0]} is not built; {_how(name, candidates[0], root)}"
    )


def _how(name: str, tag: str, root: Path) -> str:
    """Return how an image is built: where the Makefile can do it, by that."""
    makefile = root / "Makefile"
    if makefile.exists() and "\nimage:" in makefile.read_text(encoding="utf-8", errors="replace"):
        return f"run `make image ENGINE={name}`"
    return f"run `{name} build --tag {tag} .` with the Dockerfile and the lock of {DECLARED}"


def _own(name: str, tag: str, folder: Path | None) -> tuple[str, str]:
    """Return a stage's own image, built from its folder if it is not there yet."""
    if (path := _python_path(name, tag)) is not None:
        return tag, path
    if folder is None:
        raise StageError(f"{name}: image {tag} is not here; run `{name} pull {tag}`")
    print(f"building the image of {folder}, once: {tag}", file=sys.stderr, flush=True)
    flags = shlex.split(os.environ.get("STAGE_BUILD_FLAGS", ""))
    build = [name, "build", "--tag", tag, *flags, str(folder)]
    if subprocess.run(build, stdout=sys.stderr, check=False).returncode:  # noqa: S603
        raise StageError(f"{name}: the image of {folder} cannot be built; what it says is above")
    return tag, _python_path(name, tag) or ""


def _python_path(name: str, tag: str) -> str | None:
    """Return PYTHONPATH in an image, often empty; None where the engine has no such image."""
    done = installation.ask(name, "image", "inspect", "--format", "{{json .Config.Env}}", tag)
    if done.returncode:
        if "no such image" in done.stderr.lower() or "not known" in done.stderr:  # podman's way
            return None
        raise installation.unanswered(name, done)
    with suppress(ValueError, TypeError, AttributeError):  # it declares none
        pairs = (variable.partition("=") for variable in json.loads(done.stdout))
        return next((value for key, _, value in pairs if key == "PYTHONPATH"), "")
    return ""


def main() -> int:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(prog="sealed.engines.container.image", description=__doc__)
    parser.add_argument("what", choices=["tag", "lock"], help="what to print")
    parser.add_argument("lock", nargs="?", metavar="LOCK", help="default: this machine's lock")
    options = parser.parse_args()
    try:
        root = find(Path.cwd())
        image = declared(root)
        lock = options.lock or (image.locks[0] if image else "")
        print(lock if options.what == "lock" else tag(lock, root))
    except (StageError, OSError) as reason:
        print(f"image: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
