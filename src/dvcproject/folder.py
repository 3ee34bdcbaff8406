"""The files of a folder and its digest, as DVC has them: in the workspace and at a revision."""

import hashlib
import json
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from dvcproject import document, ignore
from dvcproject.content import Read, content
from dvcproject.errors import ProjectError
from dvcproject.revision import Revision

OWN = {".git", ".hg", ".dvc"}  # what DVC never hashes
UNKNOWN = "unknown"  # digest of a folder in which DVC keeps another that is not here


def members(folder: Path, root: Path) -> Iterator[Path]:
    """Yield what lies in a folder and below, less what .dvcignore names; links are not followed."""
    yield from map(Path, paths(folder, root))


def paths(folder: Path, root: Path) -> Iterator[str]:
    """Yield the same as texts, in a fraction of the time: a folder may hold 50,000 files."""
    above = _from(root, folder)[::-1]  # the nearest first
    patterns = [found for place in above if (found := _patterns(place, root))]

    def fail(error: OSError) -> None:
        raise error

    for where, folders, names in os.walk(folder, onerror=fail):
        if ignore.NAME in names:
            name = os.path.relpath(f"{where}/{ignore.NAME}", root)
            raise ProjectError(f"{name}: DVC takes no folder that holds one; put it further up")
        hidden = OWN & {*folders, *names}
        if patterns:
            hidden |= {n for n in folders if ignore.hides(patterns, f"{where}/{n}/")}
            hidden |= {n for n in names if ignore.hides(patterns, f"{where}/{n}")}
        folders[:] = [name for name in folders if name not in hidden]
        yield from (f"{where}/{name}" for name in names if name not in hidden)


def _from(root: Path, folder: Path) -> list[Path]:
    """Return the folders from `root` down to the one that holds `folder`."""
    between = [above for above in folder.parents if above.is_relative_to(root)]
    return between[::-1] or [root]


def _patterns(folder: Path, root: Path) -> ignore.Patterns | None:
    """Return a folder and the patterns of the .dvcignore in it, where it has any."""
    path = folder / ignore.NAME
    if not path.exists():
        return None
    found = ignore.patterns(path.read_bytes(), str(path.relative_to(root)))
    return (str(folder), found) if found else None


def listing(folder: Path, root: Path, read: Read = content) -> list[dict[str, str]]:
    """List the files of a folder as the object does that DVC keeps of it."""
    entries = [
        {"md5": read(path).md5, "relpath": path.relative_to(folder).as_posix()}
        for path in members(folder, root)
        if path.is_file()
    ]
    return sorted(entries, key=lambda entry: entry["relpath"])


def digest(entries: list[dict[str, str]]) -> str:
    """Return the name that DVC gives a folder with this listing."""
    text = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def digest_at(revision: Revision, folder: str, made: dict[str, str]) -> str | None:
    """Return the digest that DVC has of a folder, `.dir` at its end; None where there is no file.

    `made`: path -> digest of the outs of stages. Of what DVC keeps in the folder and is not here,
    the recorded digest counts. What a .dvcignore names is left out, as DVC leaves it out.
    """
    is_ignored = ignore.ignored(revision.read)
    found = {path: revision.md5(path) for path in revision.files(folder) if not is_ignored(path)}
    if not found:
        return None
    kept = {path: md5 for path, md5 in made.items() if path.startswith(f"{folder}/")}
    names = (path.removesuffix(".dvc") for path in found if path.endswith(".dvc"))
    kept |= {path: tracked_digest(revision, path) or "" for path in names}
    for path, md5 in kept.items():
        if md5.endswith(".dir") and not any(other.startswith(f"{path}/") for other in found):
            return UNKNOWN
        if not md5.endswith(".dir"):
            found.setdefault(path, md5)
    files = sorted((posixpath.relpath(path, folder), md5) for path, md5 in found.items())
    return digest([{"md5": md5, "relpath": path} for path, md5 in files if md5])


def tracked_digest(revision: Revision, path: str) -> str | None:
    """Return the digest of a path, `.dir` at its end for a folder's; None where there is none.

    Raises ProjectError for a `.dvc` file that is none.
    """
    content = revision.read(f"{path}.dvc")
    if content is None:
        return None
    try:
        [out] = document.parse(content)["outs"]
        return str(out["md5"])
    except (ValueError, TypeError, LookupError):
        where = f"{revision.name}: {posixpath.basename(path)}.dvc"
        raise ProjectError(f"{where}: expected one out with its md5") from None
