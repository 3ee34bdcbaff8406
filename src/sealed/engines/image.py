"""The image that stages run in: its tag is a digest of what it is built from.

`python -m sealed.engines.image tag [LOCK]` prints the tag, `... lock` the lock that this machine
prefers.
"""

import sys
from hashlib import sha256
from pathlib import Path

from sealed.engines import gpu

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


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    lock = (given or locks(Path.cwd()))[0]
    print(lock if what == "lock" else tag(lock, Path.cwd()))
