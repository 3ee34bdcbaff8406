"""What to mount so that a path reads as on the host: itself, and what links in it lead to."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from sealed.errors import StageError
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage

ENTRIES = 10_000  # of a folder that are looked at for links, the nearest first
MOUNTS = 1_000
NEEDED = (  # of the container's own
    *("/bin/sh", "/dev", "/etc", "/lib", "/opt/venv", "/proc", "/sandbox", "/sys", "/tmp"),  # noqa: S108
    "/usr/lib",
)


def outside(stage: Stage, sandbox: Sandbox) -> list[str]:
    """Return the absolute paths that a stage declares: its deps, and what it may read. Raises."""
    readable = [os.path.expanduser(path) for path in stage.settings.read_only]  # noqa: PTH111
    for path in readable:
        if not os.path.exists(path):  # noqa: PTH110
            raise StageError(f"{path}: {stage.address} declares to read it, but it is not there")
    return readable + [path for path in sandbox.inputs.bound if path.startswith("/")]


def hides(path: str) -> bool:
    """Tell whether a path, mounted, would hide what a container needs of its own."""
    return any(PurePosixPath(own).is_relative_to(path) for own in NEEDED)


def shown(path: str, needed: tuple[str, ...] = NEEDED) -> dict[str, Path]:
    """Return what to mount, by its path in the container, so that `path` reads as on the host.

    A link means there what it means here only if what it names is there too, under that name.
    Raises StageError for a link whose end would hide what the container needs of its own.
    """
    mounts = {path: Path(path)}
    todo = [path]
    while todo:
        here = todo.pop()
        for link in _links(mounts[here]):
            if not os.path.exists(link):  # noqa: PTH110  # nor may be followed: /proc/1/cwd, say
                continue
            within = os.path.join(here, link.relative_to(mounts[here]))  # noqa: PTH118
            end = os.path.normpath(os.path.join(within, "..", link.readlink()))  # noqa: PTH118
            if any(PurePosixPath(end).is_relative_to(m) for m in mounts):
                continue
            if any(PurePosixPath(own).is_relative_to(end) for own in needed):
                raise StageError(
                    f"{link}: leads to {end}, which in a container is its own; "
                    "set STAGE_ENGINE=host, or name a folder without this link"
                )
            mounts[end] = link.resolve()
            todo.append(end)
            if len(mounts) > MOUNTS:
                raise StageError(
                    f"{path}: more than {MOUNTS:,} links lead out of it, too many for a container; "
                    "name the folder that they lead to, or set STAGE_ENGINE=host"
                )
    return mounts


def _links(folder: Path) -> Iterator[Path]:
    """Yield the symbolic links in a folder; those of a folder that is one are its own."""
    folders, seen = [folder], 0
    while folders and seen < ENTRIES:
        with suppress(OSError), os.scandir(folders.pop(0)) as entries:
            for entry in entries:
                seen += 1
                if entry.is_symlink():
                    yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
