"""A file that a command writes: whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from review.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a file to write that becomes `path` when all is written. Raises UserError if it cannot.

    A pipe or a device is written as it is.
    """
    target = path.resolve()
    part = target.with_name(f".{os.getpid()}-{target.name}")
    if target.exists() and not target.is_file() and not target.is_dir():
        part = target
    try:
        yield part
        if part != target:
            part.replace(target)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; nothing was written") from None
    finally:
        if part != target:
            with suppress(OSError):
                part.unlink()


def write(text: str, path: Path) -> None:
    """Write a text to `path`, whole or not at all."""
    with whole(path) as part:
        part.write_bytes(text.encode("utf-8", "replace"))
