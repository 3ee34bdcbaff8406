"""Paths as dvc.yaml writes them: with `/`, relative to the project or absolute, or URLs."""

import posixpath
import re
from pathlib import PurePosixPath

from dvcproject.errors import ProjectError

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_url(path: str) -> bool:
    """Tell whether it names something that is not on this machine."""
    return "://" in path


def leaves(path: str) -> bool:
    """Tell whether it leads out of the project."""
    return path.startswith(("/", "../")) or path == ".."


def join(folder: str, path: str) -> str:
    """Return a path that is relative to a folder, relative to the project; a URL as it is."""
    return path if is_url(path) else posixpath.normpath(posixpath.join(folder, path))


def holds(place: str, path: str) -> bool:
    """Tell whether a path is a place, or below it."""
    return path == place or path.startswith(f"{place}/")


def require_printable(path: str, where: str) -> None:
    """Raise ProjectError for a path that no message could show."""
    if UNPRINTABLE.search(path):
        raise ProjectError(f"{where}: expected a path of printable characters, found {path!r:.80}")


def inside(file: str, name: str, kind: str, path: str) -> str:
    """Return a path of `file` in its plain form. Raises ProjectError where it leads out."""
    pure = PurePosixPath(path)
    outside = pure.is_absolute() or ".." in pure.parts or is_url(path) or not pure.parts
    if outside or UNPRINTABLE.search(path):
        raise ProjectError(
            f"{file}: {name}.{kind}: expected a path inside the project, found {path!r:.80}"
        )
    return str(pure)
