"""Where sandboxes lie.

An engine that shows a stage the sandbox alone, at another path, may have it below `.dvc/tmp`: on
the project's own file system, which shares blocks and renames. On the plain host, what walks up
from there (git, DVC, dvclive, dotenv, `../../..`) would find the project. So the sandbox lies
outside it: in the user's cache or a folder for temporary files, whichever is on the project's file
system. STAGE_SANDBOXES names another. What runs on another machine needs a disk that both share.
Home often is one, a folder for temporary files is not, so there only the cache is tried. Outs are
published by a rename all the same: one from another file system is copied beside its place first.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sealed.errors import StageError

VARIABLE = "STAGE_SANDBOXES"


def sandboxes(
    root: Path, environ: Mapping[str, str], *, hidden: bool, shared: bool = False
) -> Path:
    """Return the folder for sandboxes of the project `root`, made if it is not there.

    `hidden` says that the stage sees nothing around its sandbox, `shared` that other machines must.
    """
    root = root.resolve()
    if hidden:
        folder = root / ".dvc/tmp/sandboxes"
    else:
        folder = _outside(root, environ, shared=shared) / _name(root) / "sandboxes"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def known(root: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the folders in which sandboxes of this project may lie."""
    root = root.resolve()
    asked = environ.get(VARIABLE, "")
    outside = [Path(asked).absolute()] if asked else _candidates(environ)
    return [
        root / ".dvc/tmp/sandboxes",
        *(folder / _name(root) / "sandboxes" for folder in outside),
    ]


def _name(root: Path) -> str:
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return f"{root.name}-{digest}"


def _outside(root: Path, environ: Mapping[str, str], *, shared: bool) -> Path:
    """Return the best folder that is not in the project."""
    asked = environ.get(VARIABLE, "")
    if asked:
        folder = Path(asked).absolute()
        if folder.resolve().is_relative_to(root):
            raise StageError(f"{VARIABLE}: expected a folder outside {root}, found {asked}")
        return folder
    found = _candidates(environ, shared=shared)
    good = [folder for folder in found if _usable(folder, root)]
    if not good:
        raise StageError(
            f"{VARIABLE}: expected a folder outside {root} to write to, found none; name one"
        )
    device = root.stat().st_dev
    same = [folder for folder in good if _nearest(folder).stat().st_dev == device]
    return (same or good)[0]


def _candidates(environ: Mapping[str, str], *, shared: bool = False) -> Iterator[Path]:
    home = environ.get("HOME", "")
    cache = environ.get("XDG_CACHE_HOME") or (os.path.join(home, ".cache") if home else "")  # noqa: PTH118
    if os.path.isabs(cache):  # noqa: PTH117
        yield Path(cache, "sealed")
    for folder in () if shared else (environ.get("TMPDIR", ""), "/var/tmp", "/tmp"):  # noqa: S108
        if os.path.isabs(folder):  # noqa: PTH117
            yield Path(folder, f"sealed-{os.getuid()}")


def _usable(folder: Path, root: Path) -> bool:
    there = _nearest(folder)
    own = there != folder or there.stat().st_uid == os.getuid()
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return own and writable and not folder.resolve().is_relative_to(root)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder
