"""The bytes of a file and the files of a folder, as DVC names them."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from sealed.errors import StageError


class Content(NamedTuple):
    """The bytes of a file, as DVC names them."""

    md5: str
    size: int | None  # bytes; None: a member of a folder, whose size DVC does not keep

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"MD5 {self.md5}" + ("" if self.size is None else f", {self.size} bytes")


def content(path: Path) -> Content:
    """Read a file. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return Content(digest.hexdigest(), file.tell())


def agrees(path: Path, expected: Content) -> bool:
    """Tell whether `path` is a file of these bytes."""
    if not path.is_file():  # a device or a pipe is not opened: it may never end
        return False
    found = content(path)
    return found.md5 == expected.md5 and expected.size in {None, found.size}


def members(folder: Path, root: Path) -> Iterator[Path]:
    """Yield what lies in a folder and below, less what .dvcignore names; links are not followed."""
    ignored = _ignored(root)

    def fail(error: OSError) -> None:
        raise error

    for where, folders, names in os.walk(folder, onerror=fail):
        hidden = ignored(where, folders + names)
        folders[:] = [name for name in folders if name not in hidden]
        yield from (Path(where, name) for name in names if name not in hidden)


def require_patterns(root: Path) -> None:
    """Raise StageError where .dvcignore holds no patterns."""
    if (root / ".dvcignore").exists():
        _ignored(root)


def _ignored(root: Path) -> Callable[[str, list[str]], set[str]]:
    """Return what tells which of the names in a folder DVC does not hash."""
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # only where there is a folder

    patterns = root / ".dvcignore"
    try:
        lines = patterns.read_text(encoding="utf-8").splitlines() if patterns.exists() else []
        spec = GitIgnoreSpec.from_lines([".git", ".hg", ".dvc", *lines])
    except ValueError as error:  # not UTF-8, or no pattern
        raise StageError(f".dvcignore: expected patterns as in .gitignore, found {error}") from None

    def ignored(folder: str, names: list[str]) -> set[str]:
        here = Path(folder).relative_to(root)
        if ".dvcignore" in names:
            raise StageError(f"{here}/.dvcignore: only the one beside dvc.yaml is supported")
        paths = {name: f"{here / name}{'/' * Path(folder, name).is_dir()}" for name in names}
        return {name for name, path in paths.items() if spec.match_file(path)}

    return ignored


def listing(folder: Path, root: Path) -> list[dict[str, str]]:
    """List the files of a folder as the object does that DVC keeps of it."""
    entries = [
        {"md5": content(path).md5, "relpath": path.relative_to(folder).as_posix()}
        for path in members(folder, root)
        if path.is_file()
    ]
    return sorted(entries, key=lambda entry: entry["relpath"])


def digest(entries: list[dict[str, str]]) -> str:
    """Return the name that DVC gives a folder with this listing."""
    text = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"
