"""The bytes of a file and the files of a folder, as DVC names them."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sealed.errors import StageError

IGNORE = ".dvcignore"
OWN = {".git", ".hg", ".dvc"}  # what DVC never hashes
SETTLED_NS = 2_000_000_000  # file systems tell times apart by up to two seconds


class Content(NamedTuple):
    """The bytes of a file, as DVC names them."""

    md5: str
    size: int | None  # bytes; None: a member of a folder, whose size DVC does not keep

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"MD5 {self.md5}" + ("" if self.size is None else f", {self.size} bytes")


Read = Callable[[Path], Content]


def content(path: Path) -> Content:
    """Read a file. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return Content(digest.hexdigest(), file.tell())


def once() -> Read:
    """Return a `content` that reads a file once, whatever paths and links lead to it."""
    known: dict[tuple[int, ...], Content] = {}

    def read(path: Path) -> Content:
        state = path.stat()
        key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        if key not in known:
            known[key] = content(path)
        return known[key]

    return read


def agrees(path: Path, expected: Content, read: Read = content) -> bool:
    """Tell whether `path` is a file of these bytes."""
    if not path.is_file():  # a device or a pipe is not opened: it may never end
        return False
    found = read(path)
    return found.md5 == expected.md5 and expected.size in {None, found.size}


def members(folder: Path, root: Path) -> Iterator[Path]:
    """Yield what lies in a folder and below, less what .dvcignore names; links are not followed."""
    yield from map(Path, paths(folder, root))


def paths(folder: Path, root: Path) -> Iterator[str]:
    """Yield the same as texts, in a fraction of the time: a folder may hold 50,000 files."""
    patterns = [found for above in _from(root, folder) if (found := _patterns(above, root))]

    def fail(error: OSError) -> None:
        raise error

    for where, folders, names in os.walk(folder, onerror=fail):
        if IGNORE in names:
            name = os.path.relpath(f"{where}/{IGNORE}", root)
            raise StageError(f"{name}: DVC takes no folder that holds one; put it further up")
        hidden = OWN & {*folders, *names}
        if patterns:
            here = [(f"{os.path.relpath(where, above)}/", spec) for above, spec in patterns[::-1]]
            hidden |= {name for name in folders if _hides(here, f"{name}/")}
            hidden |= {name for name in names if _hides(here, name)}
        folders[:] = [name for name in folders if name not in hidden]
        yield from (f"{where}/{name}" for name in names if name not in hidden)


def require_patterns(root: Path) -> None:
    """Raise StageError where .dvcignore holds no patterns."""
    _patterns(root, root)


def _from(root: Path, folder: Path) -> list[Path]:
    """Return the folders from `root` down to the one that holds `folder`."""
    between = [above for above in folder.parents if above.is_relative_to(root)]
    return between[::-1] or [root]


def _patterns(folder: Path, root: Path) -> tuple[Path, Any] | None:
    """Return a folder and the patterns of the .dvcignore in it, where it has any."""
    path = folder / IGNORE
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if not any(line.strip() and not line.startswith("#") for line in lines):
            return None
        from pathspec import GitIgnoreSpec  # noqa: PLC0415  # 20 ms, and some for each path

        return folder, GitIgnoreSpec.from_lines(lines)
    except ValueError as error:  # not UTF-8, or no pattern
        name = path.relative_to(root)
        raise StageError(f"{name}: expected patterns as in .gitignore, found {error}") from None


def _hides(patterns: list[tuple[str, Any]], name: str) -> bool:
    """Tell whether DVC does not hash a name: the .dvcignore that is nearest to it decides."""
    for folder, spec in patterns:
        included = spec.check_file(f"{folder}{name}").include
        if included is not None:
            return bool(included)
    return False


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
