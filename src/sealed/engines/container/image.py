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
import os
import sys
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dvcproject import document
from dvcproject.root import find
from sealed.engines import gpu
from sealed.errors import StageError

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
