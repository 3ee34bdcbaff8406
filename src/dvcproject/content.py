"""The bytes of a file, as DVC names them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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
