"""A Python environment of a stage's own, made once for each content of its lock, and kept.

`meta: {sealed: {python: requirements-train.lock}}`, a dep. It lies in the user's cache, below
sealed/environments, by a digest of the lock and the Python; a lock with hashes is held to them.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from sealed.errors import StageError

COMPLETE = "complete"  # a file in an environment that is whole
# Whatever the user's pip configuration says of where packages go and which ones to take does not
# count; what it says of the way to an index does. Variables win over every pip.conf; `/` and
# /dev/null mean "none".
HERE = {
    "PIP_USER": "0",
    "PIP_DRY_RUN": "0",
    "PIP_ROOT": "/",
    "PIP_CONSTRAINT": os.devnull,
    "PIP_REQUIREMENT": os.devnull,
}


def python(lock: Path, environ: Mapping[str, str]) -> Path:
    """Return the Python of the environment that `lock` describes. Raises StageError."""
    digest = sha256(f"{sys.version} {sys.base_prefix}\0".encode() + lock.read_bytes())
    folder = _cache(environ) / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # others wait for it
        if not (folder / COMPLETE).exists():
            _make(folder, lock, environ)
    finally:
        os.close(descriptor)
    return folder / "bin/python"


def _cache(environ: Mapping[str, str]) -> Path:
    own = environ.get("XDG_CACHE_HOME", "")
    cache = Path(own) if Path(own).is_absolute() else Path("~/.cache").expanduser()
    return cache / "sealed/environments"


def _make(folder: Path, lock: Path, environ: Mapping[str, str]) -> None:
    print(f"making the environment of {lock.name}, once, in {folder}", file=sys.stderr, flush=True)
    for left in folder.iterdir():  # of one that was not finished
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    hashed = ["--require-hashes", "--no-deps"] if "--hash=" in lock.read_text("utf-8") else []
    install = ["--python=", "install", "--target=", "--no-binary=:none:", "--quiet"]
    install += ["--disable-pip-version-check", *hashed, "-r", str(lock)]
    for command in (
        [sys.executable, "-I", "-m", "venv", str(folder)],
        [str(folder / "bin/python"), "-I", "-m", "pip", *install],
    ):
        here = {**environ, **HERE, "PIP_PREFIX": str(folder)}
        done = subprocess.run(command, env=here, stdout=sys.stderr, check=False)  # noqa: S603
        if done.returncode:
            raise StageError(
                f"{lock.name}: its environment cannot be made in {folder}; what pip says is above"
            )
    (folder / COMPLETE).touch()
