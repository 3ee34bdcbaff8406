"""The image that stages run in: its tag is a digest of what it is built from.

`python -m sealed.engines.image tag [LOCK]` prints the tag, `... lock` the lock that this machine
prefers.
"""

import os
import sys
from hashlib import sha256
from pathlib import Path, PurePosixPath

from sealed.engines import gpu
from sealed.errors import StageError

DOCKERFILE = "Dockerfile"
CPU_LOCK = "requirements.lock"
GPU_LOCK = "requirements-gpu.lock"


def tag(lock: str, root: Path) -> str:
    """Return the name of the image that the Dockerfile in `root` makes of `lock`."""
    digest = sha256()
    for name in (DOCKERFILE, lock):
        digest.update(sha256((root / name).read_bytes()).digest())
    return f"localhost/stages:{digest.hexdigest()[:16]}"


def locks(root: Path) -> list[str]:
    """Return the locks that `root` has, the one that this machine prefers first."""
    preferred = [GPU_LOCK, CPU_LOCK] if gpu.present() else [CPU_LOCK, GPU_LOCK]
    return [lock for lock in preferred if (root / lock).exists()]


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


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    lock = (given or locks(Path.cwd()))[0]
    print(lock if what == "lock" else tag(lock, Path.cwd()))
